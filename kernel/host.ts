/**
 * What the kernel asks of its surroundings: two functions and a few constants, nothing else.
 * `HW_DEBUG` is set on the compiler's command line and selects the assertions, `HW_EMBEDDED` the build for one small
 * buffer, `HW_OBJECTS` the builds with collected objects, `HW_COUNTED` the one with counted ones, `HW_GUEST` those that
 * become part of a guest: they import neither function.
 */

/**
 * Whether this build is part of a guest. Its heap has blocks of the built-in classes in a range that it shares with the
 * guest, and nothing else: what other heaps may be or have is left out of it at compile time.
 */
// @ts-ignore: set by --use
export const IN_GUEST: bool = HW_GUEST != 0

// @ts-ignore: decorator
@external("host", "grow")
declare function growByHost(pages: u32): i32

/** Grow the memory by `pages` of 64 KiB; gives the previous size in pages, or -1 when refused. */
// @ts-ignore: decorator
@inline
export function hostGrow(pages: u32): i32 {
  return IN_GUEST ? memory.grow(pages) : growByHost(pages)
}

// @ts-ignore: decorator
@external("host", "report")
declare function reportToHost(code: u32, address: usize): void

/**
 * With a code below 0x10000 a broken invariant, debug build only: `code` says where in the source, `address` where in
 * memory; never returns. Above, what `REPORT_…` of `object-layout.ts` say.
 * A guest's kernel tells nobody.
 */
// @ts-ignore: decorator
@inline
export function hostReport(code: u32, address: usize): void {
  if (!IN_GUEST) reportToHost(code, address)
}

/** Debug build: stop when `condition` is false. Codes are unique; the release build keeps nothing of the call. */
// @ts-ignore: decorator
@inline
export function check(condition: bool, code: u32, address: usize): void {
  // @ts-ignore: set by --use
  if (HW_DEBUG) {
    if (!condition) {
      hostReport(code, address)
      unreachable()
    }
  }
}
