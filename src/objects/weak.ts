/**
 * Weak references and weak maps that are objects of the heap themselves: they can be stored in reference fields, and
 * are collected like anything else. Their views have these classes in place of a struct's.
 */
import type { Root } from './roots.js'
import { ObjectView } from './view.js'

/** An object that refers to another without keeping it. Made by `heap.weakRef()`. */
export class WeakReference<V extends ObjectView = ObjectView> extends ObjectView {
  /** The object, in the innermost scope; null once a collection has found it dead. */
  deref(): V | null {
    const { space } = ObjectView.holderOf(this)
    return space.pushOrNull(() => space.kernel.weakRefGet(this.reference)) as V | null
  }
}

/** A map that keeps a value only as long as its key, and the map, are alive. Made by `heap.weakMap()`. */
export class ObjectWeakMap<K extends ObjectView = ObjectView, V extends ObjectView = ObjectView> extends ObjectView {
  /** The value of `key`, in the innermost scope; null when it has none. */
  get(key: K | Root<K>): V | null {
    const { space } = ObjectView.holderOf(this)
    const view = space.checkView('key', key)
    return space.pushOrNull(() => space.kernel.weakMapGet(this.reference, view.reference)) as V | null
  }

  has(key: K | Root<K>): boolean {
    const { space } = ObjectView.holderOf(this)
    return space.kernel.weakMapHas(this.reference, space.checkView('key', key).reference) !== 0
  }

  /** @throws OutOfMemoryError; the map is as it was then */
  set(key: K | Root<K>, value: V | Root<V>): this {
    const { space } = ObjectView.holderOf(this)
    const keyView = space.checkView('key', key)
    const valueView = space.checkView('value', value)
    const slotOf = (view: ObjectView) => {
      // Whatever is stale says so before the kernel reads its slot.
      void view.reference
      return ObjectView.slotOf(view) << 2
    }
    space.requestStatus('weakMapSet', () => space.kernel.weakMapSet(slotOf(this), slotOf(keyView), slotOf(valueView)))
    return this
  }

  /** Whether it was there. */
  delete(key: K | Root<K>): boolean {
    const { space } = ObjectView.holderOf(this)
    return space.kernel.weakMapDelete(this.reference, space.checkView('key', key).reference) !== 0
  }
}
