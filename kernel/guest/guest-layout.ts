/**
 * What include/heapwright.h and the kernel for guests have in common beside `layout.ts` and `object-layout.ts`: numbers
 * under the header's names.
 */

/** The mode that was chosen when the program was linked or run, or else `vm`. */
export const HW_MODE_DEFAULT: u32 = 0
export const HW_MODE_VM: u32 = 1
export const HW_MODE_RUNTIME: u32 = 2
export const HW_MODE_SERVER: u32 = 3

/** Version of `struct hw_stats`. */
export const HW_STATS_VERSION: u32 = 1

/** Where a type, a number of 64 bits, has its parts: id below, bytes of an element, bytes of the fixed part. */
export const HW_TYPE_ELEMENT_SHIFT: u32 = 20
export const HW_TYPE_FIXED_SHIFT: u32 = 36
/** Fixed parts are shorter than this. */
export const HW_FIXED_LIMIT_BYTES: u32 = 1 << 28

/** Slots of a shadow stack that is made when it is first needed. */
export const HW_STACK_SLOTS: u32 = 16384
