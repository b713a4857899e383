/**
 * What is thrown where no handler of ours stands around it: in timers, listeners, streams, promises that nobody looks at. The
 * runtime tells only a tail Worker of it; here it becomes a line of the call, and goes on as it would have gone.
 */

/**
 * `watchFaults({ emit, inspect })`: `emit(level, text)` takes each. It gives what makes a line of what a handler has
 * thrown.
 */
export const faultsText = `
function watchFaults({ emit, inspect }) {
  const { Reflect, Proxy, Promise } = globalThis;
  // What is thrown may be anything, also what can't be shown.
  const shown = (label, fault) => {
    try {
      return label(fault) + inspect(fault);
    } catch {
      return "Thrown: something that can't be shown";
    }
  };
  const tell = (fault) => emit("error", shown(() => "Uncaught ", fault));
  const told = (callback) => typeof callback !== "function" ? callback : function (...args) {
    try {
      return Reflect.apply(callback, this, args);
    } catch (fault) {
      tell(fault);
      throw fault;
    }
  };
  for (const name of ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"]) {
    const native = globalThis[name];
    if (typeof native !== "function") continue;
    const watched = { [name]: (callback, ...rest) => native(told(callback), ...rest) }[name];
    for (const key of Reflect.ownKeys(native)) {
      const own = Reflect.getOwnPropertyDescriptor(native, key);
      if (Reflect.getOwnPropertyDescriptor(watched, key)?.configurable !== false) Reflect.defineProperty(watched, key, own);
    }
    globalThis[name] = watched;
  }
  const { reportError } = globalThis;
  globalThis.reportError = function (fault) {
    tell(fault);
    return Reflect.apply(reportError, globalThis, arguments);
  };
  addEventListener("unhandledrejection", ({ reason }) => tell(reason));

  // The one that was added is the one that is taken away.
  const { addEventListener: add, removeEventListener: remove } = EventTarget.prototype;
  const listeners = new WeakMap();
  EventTarget.prototype.addEventListener = function addEventListener(type, listener, ...rest) {
    if (typeof listener === "function" && !listeners.has(listener)) listeners.set(listener, told(listener));
    return Reflect.apply(add, this, [type, listeners.get(listener) ?? listener, ...rest]);
  };
  EventTarget.prototype.removeEventListener = function removeEventListener(type, listener, ...rest) {
    return Reflect.apply(remove, this, [type, listeners.get(listener) ?? listener, ...rest]);
  };

  const source = (given) => {
    if (given === null || typeof given !== "object") return given;
    const watched = Object.create(given);
    for (const name of ["start", "pull", "transform", "flush"]) {
      const method = given[name];
      if (typeof method !== "function") continue;
      watched[name] = (...args) => {
        const done = told(method).apply(given, args);
        if (typeof done?.then !== "function") return done;
        return Promise.resolve(done).catch((fault) => {
          tell(fault);
          throw fault;
        });
      };
    }
    return watched;
  };
  for (const name of ["ReadableStream", "TransformStream"]) {
    const native = globalThis[name];
    const watched = new Proxy(native, {
      construct: (target, [given, ...rest], as) => Reflect.construct(target, given === undefined ? [] : [source(given), ...rest], as),
    });
    native.prototype.constructor = watched;
    globalThis[name] = watched;
  }
  return (fault) => emit("error", shown((one) => (one instanceof Error ? "" : "Thrown: "), fault));
}
`;
