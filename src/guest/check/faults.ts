/**
 * What a check can find, and how what is found is kept: equal ones together, so many of a kind and no more, without
 * those that the user does not want to hear of.
 */
import type { GuestStack, StackFrame, Stacks } from './stacks.js'

/** Every kind of fault, with what a report calls it. */
export const FAULT_KINDS = {
  'double-free': 'block freed twice',
  'free-interior': 'free of an address inside a block',
  'free-stack': 'free of an address on the stack',
  'free-static': 'free of static data',
  'free-wild': 'free of an address where no block begins',
  'realloc-freed': 'realloc of a freed block',
  'realloc-wild': 'realloc of an address where no block begins',
  'usable-size-wild': 'malloc_usable_size of what is no live block',
  'bad-alignment': 'alignment that is no power of two, or too small',
  'size-overflow': 'count times size is more than there are addresses',
  'absurd-size': 'size that is negative as a signed number',
  'write-past-end': 'write past the end of a block',
  'write-before': 'write before a block',
  'write-after-free': 'write to a freed block',
  'read-past-end': 'read past the end of a block',
  'read-before': 'read before a block',
  'read-after-free': 'read of a freed block',
  'wild-read': 'read of memory that belongs to nobody',
  'wild-write': 'write to memory that belongs to nobody',
  'null-read': 'read through a null pointer',
  'null-write': 'write through a null pointer',
  'stack-overflow': 'stack overflow into static data',
  'definitely-lost': 'block that nothing points to, never freed',
  'indirectly-lost': 'block that only lost blocks point to, never freed',
  'still-reachable': 'block that is still pointed to, never freed',
} as const

export type FaultKind = keyof typeof FAULT_KINDS

/** When it was found: by the call of the program that did it, at an access, or by a look at the blocks later. */
export type FoundAt = 'call' | 'access' | 'free' | 'realloc' | 'sweep' | 'quarantine' | 'exit'

/** The block that a fault has to do with. */
export interface BlockReport {
  readonly address: number
  readonly bytes: number
  readonly state: 'live' | 'freed'
  /** First byte concerned, from the block's address: negative before it. Undefined where it is the block as a whole. */
  readonly offset?: number
  readonly allocatedBy: string
  readonly allocated: readonly StackFrame[]
  readonly freedBy?: string
  readonly freed?: readonly StackFrame[]
}

export interface FaultReport {
  readonly kind: FaultKind
  /** What a person reads: what happened, in one line. */
  readonly text: string
  /** Equal ones that were found: of the same kind, at the same places. */
  readonly count: number
  readonly foundAt: FoundAt
  /** Undefined where there is none, such as of an allocation that asks too much. */
  readonly address?: number
  /** Bytes read, written or asked for; of blocks that are lost their sum. */
  readonly bytes: number
  /** Where it happened; empty when it was found later. Innermost frame first. */
  readonly stack: readonly StackFrame[]
  readonly block?: BlockReport
}

/** A fault as it is found. */
export interface Finding {
  readonly kind: FaultKind
  readonly text: string
  readonly foundAt: FoundAt
  readonly address?: number
  readonly bytes: number
  readonly stack?: GuestStack
  /** Findings of the same place count as equal. Default: the stack. */
  readonly site?: string
  readonly block?: FoundBlock
}

export interface FoundBlock {
  readonly address: number
  readonly bytes: number
  readonly offset?: number
  readonly allocatedBy: string
  readonly allocated: GuestStack
  readonly freedBy?: string | undefined
  readonly freed?: GuestStack | undefined
}

interface Kept {
  readonly finding: Finding
  count: number
  bytes: number
}

export interface FaultLimits {
  /** Different faults of one kind that are reported. */
  readonly perKind: number
  /** Names of functions: what has one in a stack is left out. `*` stands for any characters. */
  readonly suppress: readonly string[]
}

/** Of faults so many, equal ones included, a stack is taken; more are only counted. */
const TAKEN_MAX = 10_000

export class Faults {
  readonly #stacks: Stacks
  readonly #limits: FaultLimits
  readonly #suppress: readonly RegExp[]
  readonly #kept = new Map<string, Kept>()
  readonly #kinds = new Map<FaultKind, number>()
  /** Findings that are left out because a function in a stack is suppressed. */
  suppressed = 0
  /** Findings beyond the limits. */
  omitted = 0
  #taken = 0

  constructor(stacks: Stacks, limits: FaultLimits) {
    this.#stacks = stacks
    this.#limits = limits
    this.#suppress = limits.suppress.map(patternOf)
  }

  /** Whether a further fault at an access is worth a stack. */
  get isFull(): boolean {
    return this.#taken >= TAKEN_MAX
  }

  add(finding: Finding): void {
    this.#taken++
    const { kind, foundAt, stack, site = stack?.id, block } = finding
    const key = [kind, foundAt, site, block?.allocated.id, block?.freed?.id].join()
    const known = this.#kept.get(key)
    if (known) {
      known.count++
      known.bytes += finding.bytes
      return
    }
    if (this.#isSuppressed(finding)) {
      this.suppressed++
      return
    }
    const ofKind = this.#kinds.get(kind) ?? 0
    if (ofKind >= this.#limits.perKind) {
      this.omitted++
      return
    }
    this.#kinds.set(kind, ofKind + 1)
    this.#kept.set(key, { finding, count: 1, bytes: finding.bytes })
  }

  /** In the order in which they were found, lost blocks last, those of most bytes first. */
  reports(): FaultReport[] {
    const all = [...this.#kept.values()]
    const isLeak = ({ finding }: Kept) => LEAK_ORDER.indexOf(finding.kind)
    return all
      .sort((a, b) => isLeak(a) - isLeak(b) || (isLeak(a) < 0 ? 0 : b.bytes - a.bytes))
      .map((k) => this.#report(k))
  }

  #isSuppressed({ stack, block }: Finding): boolean {
    if (this.#suppress.length === 0) return false
    const stacks = [stack, block?.allocated].filter((one) => one !== undefined)
    const names = stacks.flatMap((one) => this.#stacks.framesOf(one).map(({ name }) => name))
    return names.some((name) => this.#suppress.some((pattern) => pattern.test(name)))
  }

  #report({ finding, count, bytes }: Kept): FaultReport {
    const { kind, text, foundAt, address, stack, block } = finding
    const isLeak = LEAK_ORDER.includes(kind)
    return {
      kind,
      text,
      count,
      foundAt,
      ...(address === undefined ? {} : { address }),
      bytes: isLeak ? bytes : finding.bytes,
      stack: stack ? this.#stacks.framesOf(stack) : [],
      ...(block ? { block: this.#blockReport(block) } : {}),
    }
  }

  #blockReport({ address, bytes, offset, allocatedBy, allocated, freedBy, freed }: FoundBlock): BlockReport {
    return {
      address,
      bytes,
      state: freed ? 'freed' : 'live',
      ...(offset === undefined ? {} : { offset }),
      allocatedBy,
      allocated: this.#stacks.framesOf(allocated),
      ...(freed && freedBy !== undefined ? { freedBy, freed: this.#stacks.framesOf(freed) } : {}),
    }
  }
}

/** The kinds that are found at the end, in the order of a report. */
const LEAK_ORDER: readonly FaultKind[] = ['definitely-lost', 'indirectly-lost', 'still-reachable']

/** Whether it is a block that was not freed. */
export function isLeak(kind: FaultKind): boolean {
  return LEAK_ORDER.includes(kind)
}

function patternOf(text: string): RegExp {
  const parts = text.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`)
}
