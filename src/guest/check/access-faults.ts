/**
 * What an access to bytes that may not be touched is: past the end of a block, before one, to a freed one, through a
 * null pointer, or to what belongs to nobody.
 *
 * One kind is no fault: functions of the C library that look for the end of a string read whole words, at multiples of
 * their size, of which only the first bytes need be the string's. They are known by name.
 */
import { hex } from './allocator.js'
import { type Block, type Books, blockOf } from './books.js'
import type { FaultKind, Faults, Finding } from './faults.js'
import type { GuestStack, Stacks } from './stacks.js'

export interface AccessOptions {
  readonly books: Books
  readonly stacks: Stacks
  readonly faults: Faults
  /** Addresses below are nobody's, as far as can be told now; 0: there are none. */
  readonly nullEnd: () => number
  /** Whether an address lies in memory that the program got by growing it itself. */
  readonly isForeign: (address: number) => boolean
}

/** Functions of C libraries (musl's and its like) that read words of which only a part is theirs. */
const WORD_READERS =
  /^(?:__)?(?:str(?:n?len|r?chr|chrnul|n?cpy|n?cmp|lcpy|cat)|stpn?cpy|mem(?:r?chr|ccpy|cmp)|rawmemchr)(?:\.\d+)?$/
const RANGE_FUNCTIONS = /^(?:__)?mem(?:p?cpy|move|set)(?:\.\d+)?$/
/** Of a vector. */
const WORD_BYTES_MAX = 16

export class AccessFaults {
  readonly #options: AccessOptions
  /** The last fault around a block at each site. */
  readonly #lastAt = new Map<string, Finding>()

  constructor(options: AccessOptions) {
    this.#options = options
  }

  /** Reports an access to `bytes` bytes of which at least one may not be touched. */
  report(address: number, bytes: number, isWrite: boolean): void {
    const { books, stacks, faults, nullEnd, isForeign } = this.#options
    if (isForeign(address)) return
    if (faults.isFull) {
      faults.omitted++
      return
    }
    const block = books.around(address) ?? books.around(address + bytes - 1)
    const stack = stacks.take()
    const site = this.#siteOf(stack)
    if (block && !isWrite && this.#isWordRead(block, address, bytes, stack)) return
    if (!block && address < FIRST_PAGE_BYTES && address >= nullEnd()) return
    if (block && isWrite) block.isReported = true
    const kind = block ? kindOf(block, address, isWrite) : outsideKind(address < nullEnd(), isWrite)
    const verb = isWrite ? 'write' : 'read'
    const text = `${verb} of ${bytes === 1 ? '1 byte' : `${bytes} bytes`} at ${hex(address)}, ${placeText(block, address, kind)}`
    const found = block && { block: blockOf(block, firstOutside(block, address)) }
    const finding = { kind, text, foundAt: 'access', address, bytes, stack, site, ...found } as const
    // What has run past the end of a block, and on into what is nobody's, is one fault.
    const before = block ? undefined : this.#lastAt.get(site)
    if (block) this.#lastAt.set(site, finding)
    faults.add(before ?? finding)
  }

  /** The place of an access; inside a function of the C library it does not matter which of its loops it was. */
  #siteOf(stack: GuestStack): string {
    const [first, ...callers] = this.#options.stacks.framesOf(stack)
    if (!first || !(WORD_READERS.test(first.name) || RANGE_FUNCTIONS.test(first.name))) return String(stack.id)
    return [first.function, ...callers.map(({ offset }) => offset)].join('/')
  }

  #isWordRead({ address: from, bytes: size, freed }: Block, at: number, bytes: number, stack: GuestStack): boolean {
    const isWord = bytes > 1 && bytes <= WORD_BYTES_MAX && at % bytes === 0
    if (freed || !isWord || at + bytes <= from || at >= from + size) return false
    const name = this.#options.stacks.framesOf(stack)[0]?.name ?? ''
    // Without names nobody can tell: what is right is not to be reported.
    return WORD_READERS.test(name) || name.startsWith('function ')
  }
}

/** What linkers leave free at the start of memory. */
export const FIRST_PAGE_BYTES = 1024

function kindOf({ address, freed }: Block, at: number, isWrite: boolean): FaultKind {
  if (freed) return isWrite ? 'write-after-free' : 'read-after-free'
  if (at < address) return isWrite ? 'write-before' : 'read-before'
  return isWrite ? 'write-past-end' : 'read-past-end'
}

function outsideKind(isNull: boolean, isWrite: boolean): FaultKind {
  if (isNull) return isWrite ? 'null-write' : 'null-read'
  return isWrite ? 'wild-write' : 'wild-read'
}

/** The first byte of an access that is not the block's. */
function firstOutside({ address, bytes, freed }: Block, at: number): number {
  return freed || at < address ? at : Math.max(at, address + bytes)
}

function placeText(block: Block | undefined, at: number, kind: FaultKind): string {
  if (!block) return kind.startsWith('null') ? 'through a null pointer' : 'where no block is'
  if (block.freed) return 'in a freed block'
  if (at < block.address) return 'before a block'
  return at >= block.address + block.bytes ? 'past the end of a block' : 'across the end of a block'
}
