/**
 * The shadow stack: roots of a program inside the memory. It pushes a reference by storing it at the top and moving the
 * top word up by four, and pops by moving it down; slots from base to top are roots.
 *
 * There are two. Slots of the first are updated when objects move: the program reads them again after every call that
 * may collect. Objects in slots of the other, the pinning one, stay where they are: for C, where copies live on.
 */
import {
  SPACE_PIN_BASE_AT,
  SPACE_PIN_LIMIT_AT,
  SPACE_PIN_TOP_AT,
  SPACE_SHADOW_BASE_AT,
  SPACE_SHADOW_LIMIT_AT,
  SPACE_SHADOW_TOP_AT,
} from '../../kernel/object-layout.js'
import { checkOptions, checkRange } from '../arguments.js'
import { ArgumentError, OutOfMemoryError, outOfMemoryText, ScopeError } from '../errors.js'
import type { Address } from '../types.js'
import type { Root } from './roots.js'
import type { ObjectSpace } from './space.js'
import type { ObjectView } from './view.js'

const SLOT_BYTES = 4
export const SHADOW_SLOTS_MAX = 2 ** 24
const SHADOW_SLOTS = 4096

export interface ShadowStackOptions {
  /** Slots it has; it does not grow. Default 4096, or what the heap was made with. */
  readonly slots?: number
  /** Whether the objects in its slots must stay where they are. Default false. */
  readonly pinning?: boolean
}

/** Where a program finds its shadow stack, and the same for TypeScript. Made by `heap.shadowStack()`. */
export class ShadowStack {
  readonly #space: ObjectSpace
  /** Address of the word that holds the first slot's address. */
  readonly baseWord: Address
  /** Address of the word that holds the address of the next slot to be pushed. */
  readonly topWord: Address
  /** Address of the word that holds the address behind the last slot. */
  readonly limitWord: Address
  readonly pinning: boolean

  /** @internal */
  constructor(space: ObjectSpace, pinning: boolean) {
    this.#space = space
    this.pinning = pinning
    this.baseWord = (space.base + (pinning ? SPACE_PIN_BASE_AT : SPACE_SHADOW_BASE_AT)) as Address
    this.topWord = (space.base + (pinning ? SPACE_PIN_TOP_AT : SPACE_SHADOW_TOP_AT)) as Address
    this.limitWord = (space.base + (pinning ? SPACE_PIN_LIMIT_AT : SPACE_SHADOW_LIMIT_AT)) as Address
  }

  /** Slots in use. */
  get length(): number {
    return (this.#space.wordAt(this.topWord) - this.#space.wordAt(this.baseWord)) / SLOT_BYTES
  }

  /** Slots there are. */
  get slots(): number {
    return (this.#space.wordAt(this.limitWord) - this.#space.wordAt(this.baseWord)) / SLOT_BYTES
  }

  /** Push an object, or null. @throws OutOfMemoryError when it is full */
  push(value: ObjectView | Root | null): void {
    const space = this.#space
    const reference = space.checkReference('value', value)
    const top = space.wordAt(this.topWord)
    if (top + SLOT_BYTES > space.wordAt(this.limitWord)) throw this.#full()
    space.setWordAt(top, reference)
    space.setWordAt(this.topWord, top + SLOT_BYTES)
  }

  /** Pop what was pushed last; an object comes in the innermost scope. @throws ScopeError when it is empty */
  pop(): ObjectView | null {
    const space = this.#space
    const slot = space.wordAt(this.topWord) - SLOT_BYTES
    if (slot < space.wordAt(this.baseWord)) throw new ScopeError('the shadow stack is empty')
    const value = space.pushOrNull(() => space.wordAt(slot))
    space.setWordAt(slot, 0)
    space.setWordAt(this.topWord, slot)
    return value
  }

  #full(): OutOfMemoryError {
    const bytes = this.slots * SLOT_BYTES
    const figures = {
      requestedBytes: SLOT_BYTES,
      availableBytes: 0,
      largestFreeBytes: 0,
      usedBytes: bytes,
      totalBytes: bytes,
    }
    const hint = `it was made with ${this.slots} slots`
    return new OutOfMemoryError(outOfMemoryText('shadow stack', figures, hint), figures)
  }
}

/** The stack that is there, or a new one. */
export function makeShadowStack(space: ObjectSpace, options: ShadowStackOptions): ShadowStack {
  checkOptions('options', options, ['slots', 'pinning'])
  const { pinning = false } = options
  if (typeof pinning !== 'boolean') throw new ArgumentError('pinning', pinning, 'true or false')
  const stack = new ShadowStack(space, pinning)
  const slots = checkRange('slots', options.slots ?? SHADOW_SLOTS, 1, SHADOW_SLOTS_MAX)
  if (space.wordAt(stack.baseWord) === 0) {
    space.requestStatus('shadowCreate', () => space.kernel.shadowCreate(slots, pinning ? 1 : 0))
  } else if (options.slots !== undefined && slots > stack.slots) {
    throw new ArgumentError('slots', slots, `at most ${stack.slots}: the stack was made with as many and does not grow`)
  }
  return stack
}
