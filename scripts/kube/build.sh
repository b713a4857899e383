#!/usr/bin/env bash
# Fills the cache with a real Kubernetes control plane for the tests: etcd and kubectl from Debian's packages,
# kube-apiserver and kube-controller-manager compiled from Debian's source package (v1.20.2, the newest whole one).
# About 3.5 minutes on two cores, once; does nothing when the cache is filled. Installs nothing on the machine.
# The last line of standard output is the folder with the programs.
set -euo pipefail

cache=${KUBE_CACHE:-$HOME/.cache/kube-offline}
version=1.20.2
recipe=2 # raised when what is built below changes
bin=$cache/bin-$version-r$recipe-$(dpkg --print-architecture)
programs=(etcd kubectl kube-apiserver kube-controller-manager)

say() { printf 'kube: %s\n' "$*" >&2; }
filled() { for name in "${programs[@]}"; do [ -x "$bin/$name" ] || return 1; done; }
if filled; then echo "$bin"; exit 0; fi
for tool in apt-get dpkg flock; do
  command -v $tool >/dev/null || { say "needs $tool"; exit 1; }
done

mkdir -p "$cache" "$bin"
exec 9>"$cache/lock"
flock 9 # Of two test runs at once the second waits, and finds it built.
if filled; then echo "$bin"; exit 0; fi

work=$cache/build
packages=$work/packages
source=$work/go/src/k8s.io/kubernetes
mkdir -p "$packages" "$work/apt/"{sources,lists/partial,cache/archives/partial} "$work/go/src/k8s.io"

# Lists of its own, so that source packages are known without a change in /etc.
for file in /etc/apt/sources.list.d/*.sources; do
  [ -e "$file" ] && grep -q '^Signed-By:.*debian-archive' "$file" || continue
  sed 's/^Types:.*/Types: deb deb-src/' "$file" >"$work/apt/sources/${file##*/}"
done
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ -e "$file" ] || continue
  sed -nE 's/^deb (.*)/deb \1\ndeb-src \1/p' "$file" >"$work/apt/sources/${file##*/}"
done
apt() {
  apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/apt/sources" \
    -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache" -o APT::Sandbox::User=root "$@"
}
# Unpacked, never installed: etcd-server would start a service, kubernetes-client would replace the machine's kubectl.
unpack() { # folder, package…
  local into=$1 name; shift
  (cd "$packages" && apt download "$@" && for name in "$@"; do dpkg -x "$name"_*.deb "$into"; done)
}

say "fetching Debian's packages"
apt update
unpack "$work/tools" etcd-server kubernetes-client
install -m755 "$work/tools/usr/bin/etcd" "$work/tools/usr/bin/kubectl" "$bin/"
unpack "$work/toolchain" golang-1.19-go golang-1.19-src
(cd "$packages" && apt source --download-only --tar-only kubernetes)
rm -rf "$source"
mkdir -p "$source"
tar -xzf "$packages"/kubernetes_*.orig.tar.gz -C "$source" --strip-components=1

# The vendored reflect2 1.0.1 panics under Go ≥ 1.18 at each typed JSON body; Debian packages 1.0.2.
unpack "$work/reflect2" golang-github-modern-go-reflect2-dev
rm "$source"/vendor/github.com/modern-go/reflect2/*
cp "$work"/reflect2/usr/share/gocode/src/github.com/modern-go/reflect2/* "$source/vendor/github.com/modern-go/reflect2/"

# With modules on, Go refuses this tree ("updates to go.mod needed").
export GOROOT=$work/toolchain/usr/lib/go-1.19 GOPATH=$work/go GOCACHE=$work/objects GO111MODULE=off GOFLAGS= \
  GOTOOLCHAIN=local GOPROXY=off CGO_ENABLED=0 GOGC=400
export PATH=$GOROOT/bin:$PATH
cd "$source"

say "generating what the source package leaves out"
go build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
inputs=$(find -L vendor/k8s.io pkg cmd -name '*.go' -not -path '*/code-generator/*' -not -path '*/sample-apiserver/*' \
  -not -path '*/kube-openapi/*' -not -path '*/testdata/*' -print0 |
  { xargs -0 grep -l '+k8s:openapi-gen=' || true; } | xargs -n1 dirname | LC_ALL=C sort -u |
  sed 's#^#k8s.io/kubernetes/#' | paste -sd,)
"$work/openapi-gen" --logtostderr -i "$inputs" -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi \
  -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r "$work/violations" >/dev/null

# Without its version the server calls itself v0.0.0, and clients misjudge what it can do.
stamp=
for package in component-base/version client-go/pkg/version; do
  prefix=k8s.io/kubernetes/vendor/k8s.io/$package
  stamp+=" -X $prefix.gitVersion=v$version -X $prefix.gitMajor=1 -X $prefix.gitMinor=20 -X $prefix.gitTreeState=clean"
done
say "compiling (about 2 minutes)"
mkdir -p "$work/out"
go build -p "$(nproc)" -tags 'providerless dockerless' -trimpath -ldflags "-s -w$stamp" -o "$work/out/" \
  ./cmd/kube-apiserver ./cmd/kube-controller-manager
mv "$work"/out/* "$bin/"
cd /
rm -rf "$work"
echo "$bin"
