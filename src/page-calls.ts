/**
 * The calls of a heap that concern pages of the system: blocks with guards, protection, residency, hints. What a system
 * cannot do is said in the result, and nothing fails for it.
 */
import { checkAddress, checkOptions } from './arguments.js'
import { UnsupportedError } from './errors.js'
import { allocGuarded, checkAccess, GuardedBlock, type GuardedOptions, protectBlock } from './guarded.js'
import { checkHints, type PageAccess, type PageHints } from './platform/pages.js'
import type { Protection } from './protection.js'
import { RegionAccess } from './regions.js'
import type { Address, Bytes } from './types.js'

/** Which hints the system took; those that were not given are left out. */
export interface AdviceResult {
  readonly hugePages?: boolean
  readonly numaNode?: boolean
  /** Why hints cannot be taken here at all. */
  readonly reason?: string
}

/** Pages of a heap. */
export class PageCalls extends RegionAccess {
  /** Bytes of a page of the system, at which protection begins and ends. */
  get pageBytes(): Bytes {
    this.core.assertOpen()
    return this.core.pages.pageBytes as Bytes
  }

  /**
   * A block whose end, or start, touches a page that must not be touched; another such page is on the other side. It
   * takes three pages at least, and counts as in use with all of them. In a tenant, too; not in mode `embedded`.
   *
   * A load or store past that end, from WebAssembly, is a `WebAssembly.RuntimeError`; calls of the library throw
   * ProtectionError before; one over a typed array ends the process. Where `isProtected` is false, stores past the end
   * are found when the block is freed.
   *
   * @throws OutOfMemoryError, ArgumentError, UnsupportedError; PlatformError when the system refuses
   * @example
   * using block = heap.allocGuarded(100)
   * heap.writeU8(block.address + 100, 1)     // ProtectionError
   */
  allocGuarded(bytes: number, options: GuardedOptions = {}): GuardedBlock {
    return allocGuarded(this.core, bytes, options)
  }

  /**
   * Set what may be done with a block that shares no page with others, or with a guarded block; an image protects
   * itself (`image.protect()`). It holds until it is set to `readWrite`, or the heap is reset or closed. A protected
   * block is not freed, resized or written to: ProtectionError.
   *
   * @param what address of a block from `allocAligned(n * heap.pageBytes, heap.pageBytes)`, or a guarded block
   * @param access `read`: it must not be written; `none`: nor read; `readWrite`: all may be done
   * @returns what is protected, and whether the system does it, too; undefined for `readWrite`
   * @throws ArgumentError for a block that shares pages; InvalidAddressError; PlatformError; UnsupportedError
   */
  protect(what: Address | number | GuardedBlock, access: PageAccess): Protection | undefined {
    this.core.assertOpen()
    checkAccess(access)
    if (what instanceof GuardedBlock) return what.protect(access)
    return protectBlock(this.core, checkAddress('what', what), access)
  }

  /**
   * Bytes of the heap's memory that the system holds in its random access memory now; undefined where it does not tell.
   * Of a heap in a given memory: of all between its first byte and the end of its range, whoever uses it.
   */
  residentBytes(): Bytes | undefined {
    this.core.assertOpen()
    return this.core.residentBytes()
  }

  /**
   * Tell the system how the heap's memory is to be backed, now and as it grows. These are hints: it may have no such
   * thing, refuse, or take its time.
   *
   * @param hints `hugePages`: true for huge pages where they can be, which are fewer and faster to look up but come and
   * go as 2 MiB; false for none. `numaNode`: the node, 0 to 1,023, whose memory is preferred
   * @returns whether the system took each
   * @throws ArgumentError; UnsupportedError in a tenant, whose pieces are the heap's around it
   */
  advise(hints: PageHints): AdviceResult {
    this.core.assertOpen()
    checkOptions('hints', hints, ['hugePages', 'numaNode'])
    const wanted = checkHints(hints)
    if (this.core.tenancy) {
      throw new UnsupportedError(this.core.mode, 'hints of its own', 'give them to the heap around it', this.core.label)
    }
    return wanted ? this.core.advise(wanted) : {}
  }
}
