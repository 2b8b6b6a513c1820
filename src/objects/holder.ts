/**
 * Holders: what a view asks whether it may still be used. A scope has one, and each root.
 *
 * A view reads its object's address from a handle slot, through the typed arrays of its holder. When the scope or the
 * root goes, the holder's arrays are replaced by empty ones; when the heap is reset, those of all older holders are
 * emptied. So a view that is stale reads `undefined` where its reference was, and a view that is not pays nothing for
 * the check.
 */
import { StaleHandleError, type StaleHandleReason } from '../errors.js'
import { Views } from '../views.js'
import type { ObjectSpace } from './space.js'

/** What a holder reads through once it is closed: nothing, for ever. */
const CLOSED = new Views(new WebAssembly.Memory({ initial: 0, maximum: 0 }))
CLOSED.close()

export class Holder {
  /** The heap's typed arrays, which may be detached and then have length 0; or the empty ones. */
  views: Views
  readonly space: ObjectSpace
  #reason: StaleHandleReason = 'scope-closed'

  constructor(space: ObjectSpace) {
    this.views = space.views
    this.space = space
  }

  get isOpen(): boolean {
    return this.views === this.space.views && !this.space.isClosed
  }

  /** From here on every view of this holder is stale. */
  close(reason: StaleHandleReason): void {
    if (this.views === CLOSED) return
    this.#reason = reason
    this.views = CLOSED
  }

  /** Out of line: the reference in a slot (by word index), after the views were found empty; or the error. */
  reference(slot: number): number {
    this.assertOpen()
    this.views.refresh()
    const reference = this.views.u32[slot]
    if (!reference) throw new StaleHandleError('object-gone')
    return reference
  }

  /** @throws StaleHandleError */
  assertOpen(): void {
    if (this.views === CLOSED) throw new StaleHandleError(this.#reason)
    if (this.space.isClosed) throw this.space.closedError()
    if (this.views !== this.space.views) throw new StaleHandleError('heap-reset')
  }
}
