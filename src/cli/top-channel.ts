/** What `heapwright top` and the program that it has started agree on. */

/** File descriptor on which the program tells of its heaps. */
export const CHANNEL = 3
/** Variable of the environment with the process id of the command. */
export const PARENT_VARIABLE = 'HEAPWRIGHT_TOP_PARENT'
/** Another one: `ServeOptions` as JSON. */
export const OPTIONS_VARIABLE = 'HEAPWRIGHT_TOP_OPTIONS'
export const HEAPS_MAX = 16

/** A line on the channel. */
export interface HookMessage {
  readonly name: string
  readonly url?: string
  /** Why the heap is not shown. */
  readonly refusal?: string
}
