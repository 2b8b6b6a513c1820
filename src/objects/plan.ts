/** How a heap's objects are kept: what the options of a mode with objects come to, in the kernel's words. */

/** When `setStress` makes the kernel collect. */
export interface StressPlan {
  /** `STRESS_…` */
  readonly kind: number
  readonly number: number
  readonly seed: number
}

/** What `nurseryCreate` is told. */
export interface NurseryPlan {
  /** A power of two. */
  readonly youngBytes: number
  readonly oldBytes: number
  /** Of mode `server`. */
  readonly pauseGoalMs: number | undefined
  /** Work units of each step; undefined for as many as the goal has room for. */
  readonly stepUnits: number | undefined
}

export interface ObjectPlan {
  /** Objects have counts and go when these get to 0; where it is false a collector traces them. */
  readonly isCounted: boolean
  /** Of counted ones: with so many candidates for garbage cycles, allocations look for some; 0: never. */
  readonly cycleThreshold: number | undefined
  /** `POLICY_…` bits. */
  readonly policy: number
  readonly stress: StressPlan | undefined
  readonly nursery: NurseryPlan | undefined
  /** Most of the time that collections for want of memory may take when they free little. */
  readonly gcShare: number
  /** Slots of a shadow stack that is there from the start; 0 for none. */
  readonly shadowSlots: number
  /** Of string hashes; undefined for a random one. */
  readonly hashSeed?: number | undefined
  /** Objects are at multiples of this. */
  readonly grainBytes: number
  /** Whether the heap was there before, so that others may have registered types and finalizers. */
  readonly isAttached: boolean
  /** Whether it was made by a fork: there before, and nobody else's. */
  readonly isForked?: boolean
}
