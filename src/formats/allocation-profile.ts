/** What an allocation profile holds, before it is written in any format: plain data, and how places are told apart. */

/** A place in a program: what one level of a call stack is. */
export interface ProfileFrame {
  /** `(anonymous)` for a function without a name. */
  readonly functionName: string
  /** URL or path of the source; empty where the engine says none. */
  readonly url: string
  /** From 1; 0 where the engine says none. */
  readonly line: number
  /** From 1; 0 where the engine says none. */
  readonly column: number
}

/** A text that only frames with the same fields have. */
export function frameKey({ functionName, url, line, column }: ProfileFrame): string {
  return `${line} ${column} ${url.length} ${url}${functionName}`
}

/** Allocations of one size at one place. Figures are estimates of all of them, not counts of the sampled ones. */
export interface ProfileSample {
  /** The calls that led to the allocation, innermost first; those of the library itself are left out. */
  readonly frames: readonly ProfileFrame[]
  /** Of each block or object: what it takes of the heap. */
  readonly bytes: number
  /** Id of the tenant that it is of, if it is of one; of a tenant's tenant both, as `outer/inner`; a slash in an id is `%2F`. */
  readonly tenant?: string | undefined
  /** How many of them were sampled, and how many of these are in use. */
  readonly sampled: number
  readonly sampledInUse: number
  readonly allocObjects: number
  readonly allocBytes: number
  readonly inuseObjects: number
  readonly inuseBytes: number
}

export interface AllocationProfile {
  /** What was profiled. */
  readonly name: string
  /** Mean number of bytes from one sample to the next; where it varied, its average over the bytes that passed. */
  readonly meanBytes: number
  /** When it was begun, in milliseconds since 1970 (UTC), and for how long it ran. */
  readonly beganMs: number
  readonly durationMs: number
  readonly samples: readonly ProfileSample[]
}
