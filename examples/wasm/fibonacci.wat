;; fibonacci(n) for 0 <= n <= 93, the largest that fits into 64 bits without a sign.
(module
  (func (export "fibonacci") (param $n i32) (result i64)
    (local $this i64)
    (local $next i64)
    (local $sum i64)
    (local.set $next (i64.const 1))
    (block $done
      (loop $step
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $sum (i64.add (local.get $this) (local.get $next)))
        (local.set $this (local.get $next))
        (local.set $next (local.get $sum))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $step)))
    (local.get $this)))
