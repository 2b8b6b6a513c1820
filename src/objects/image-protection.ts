/**
 * Protection of the pieces of one image. Its objects are immortal: views refuse to write to them, and no collector
 * does. What is left is raw access at an address, a guest, and a program's own fault; those meet protected pages.
 *
 * An image that is loaded with `protect` has whole pages of its own, the heads of its pieces included, so that the
 * system protects every byte. Another's first and last page hold other things, too: there the system protects only the
 * pages between, and the library all.
 */
import { LARGE_HEAD_BYTES } from '../../kernel/object-layout.js'
import { hex, StaleHandleError } from '../errors.js'
import { describeProtection, type ProtectedRange, type Protection } from '../protection.js'
import type { ObjectSpace } from './space.js'

/** Memory of an image: from the first object's header on. */
export interface ImagePiece {
  readonly address: number
  readonly bytes: number
}

export class ImageProtection {
  readonly #space: ObjectSpace
  readonly #pieces: readonly ImagePiece[]
  /** What each piece is a multiple of; 0: pieces share their pages. */
  readonly #pageBytes: number
  readonly #epoch: number
  #ranges: readonly ProtectedRange[] = []

  constructor(space: ObjectSpace, pieces: readonly ImagePiece[], pageBytes: number) {
    this.#space = space
    this.#pieces = pieces
    this.#pageBytes = pageBytes
    this.#epoch = space.epoch
  }

  get isHeld(): boolean {
    return !this.#space.isClosed && this.#space.epoch === this.#epoch
  }

  get current(): Protection | undefined {
    return this.isHeld ? describeProtection(this.#ranges) : undefined
  }

  /** @throws StaleHandleError, ClosedError; PlatformError when the system refuses, and nothing has changed */
  protect(): Protection {
    const { core } = this.#space
    core.assertOpen()
    if (!this.isHeld) throw new StaleHandleError('heap-reset')
    core.protection.renew()
    if (this.#ranges.length === 0) this.#addAll()
    return describeProtection(this.#ranges) as Protection
  }

  /** @throws PlatformError when the system refuses, and nothing has changed */
  unprotect(): void {
    if (this.isHeld) this.#space.core.protection.remove(...this.#ranges)
    this.#ranges = []
  }

  #addAll(): void {
    const { core } = this.#space
    const added: ProtectedRange[] = []
    try {
      for (const piece of this.#pieces) {
        const what = `the image at ${hex(piece.address)}`
        added.push(core.protection.add(core, { ...this.#rangeOf(piece), access: 'read', what }))
      }
    } catch (error) {
      core.protection.remove(...added)
      throw error
    }
    this.#ranges = added
  }

  #rangeOf({ address, bytes }: ImagePiece): ImagePiece {
    if (this.#pageBytes === 0) return { address, bytes }
    const start = address - LARGE_HEAD_BYTES
    const pages = Math.ceil((bytes + LARGE_HEAD_BYTES) / this.#pageBytes)
    return { address: start, bytes: pages * this.#pageBytes }
  }
}
