/**
 * What the kernel asks of its surroundings: two functions and two constants, nothing else.
 * `HW_DEBUG` is set on the compiler's command line and selects the assertions, `HW_EMBEDDED` the build for one small
 * buffer, `HW_OBJECTS` the builds with collected objects, `HW_COUNTED` the one with counted ones.
 */

/** Grow the memory by `pages` of 64 KiB; gives the previous size in pages, or -1 when refused. */
// @ts-ignore: decorator
@external("host", "grow")
export declare function hostGrow(pages: u32): i32

/**
 * With a code below 0x10000 a broken invariant, debug build only: `code` says where in the source, `address` where in
 * memory; never returns. Above, what `REPORT_…` of `object-layout.ts` say.
 */
// @ts-ignore: decorator
@external("host", "report")
export declare function hostReport(code: u32, address: usize): void

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
