/** Arrays of any values: tagged words. */
import { STATUS_OK, STATUS_OUT_OF_MEMORY } from '../../kernel/layout.js'
import { OBJECT_HEADER_BYTES, OBJECT_IMMORTAL } from '../../kernel/object-layout.js'
import { ARRAY_LENGTH_AT } from '../../kernel/value-layout.js'
import { checkRange } from '../arguments.js'
import { HeapArray, listOf } from './heap-array.js'
import { viewRefusal } from './refusals.js'
import type { Value } from './value.js'
import { isSmall } from './word.js'

const NOWHERE = 0xffffffff
const LENGTH_WORD = ARRAY_LENGTH_AT >>> 2
const HEADER_WORDS = OBJECT_HEADER_BYTES >>> 2

/** An array whose elements are any values: numbers, booleans, null, undefined, text, objects. */
export class ValueArray extends HeapArray<Value> {
  get kind(): 'value' {
    return 'value'
  }

  get(index: number): Value {
    const { u32 } = this.$holder.views
    const at = (u32[this.$slot] || this.reference) >>> 2
    if (!(index >>> 0 === index && index < (u32[at + LENGTH_WORD] as number))) return this.#getSlow(index)
    const word = u32[((u32[at] as number) >>> 2) + index] as number
    return (word & 1) !== 0 ? word >> 1 : this.#load(word, index)
  }

  set(index: number, value: Value): void {
    const { u32 } = this.$holder.views
    const at = (u32[this.$slot] || this.reference) >>> 2
    if (typeof value === 'number' && isSmall(value) && index >>> 0 === index) {
      const slot = ((u32[at] as number) >>> 2) + index
      // What was an integer is nobody's reference: neither a count nor a collector needs to hear of it.
      const isPlain = index < (u32[at + LENGTH_WORD] as number) && ((u32[slot] as number) & 1) !== 0
      if (isPlain && ((u32[at - HEADER_WORDS] as number) & OBJECT_IMMORTAL) === 0) {
        u32[slot] = (value << 1) | 1
        return
      }
    }
    this.$check(index)
    this.#store('set', value, (word) => this.$values.kernel.arraySet(this.reference, index, word))
  }

  push(value: Value): number {
    const { u32 } = this.$holder.views
    const at = (u32[this.$slot] || this.reference) >>> 2
    const store = u32[at] as number
    if (typeof value === 'number' && isSmall(value) && store > 0) {
      const length = u32[at + LENGTH_WORD] as number
      const hasRoom = length < (u32[(store >>> 2) - 1] as number) >>> 2
      if (hasRoom && ((u32[at - HEADER_WORDS] as number) & OBJECT_IMMORTAL) === 0) {
        u32[(store >>> 2) + length] = (value << 1) | 1
        u32[at + LENGTH_WORD] = length + 1
        return length + 1
      }
    }
    this.#store('push', value, (word) => this.$values.kernel.arrayPush(this.reference, word))
    return this.length
  }

  pop(): Value {
    this.$writable()
    const { length } = this
    if (length === 0) return undefined
    // Read first: what finds no scope, or no room for its handle, stays in the array.
    const value = this.get(length - 1)
    const values = this.$values
    values.release(values.kernel.arrayPop(this.reference))
    return value
  }

  /** @internal */
  $insert(index: number, value: Value): void {
    const values = this.$values
    values.check('value', value, 1)
    const { kernel } = values
    values.withWord('value', value, (word) => {
      const attempt = () => {
        const status = kernel.arrayInsert(this.reference, index, 1)
        return status === STATUS_OK ? kernel.arraySet(this.reference, index, word()) : status
      }
      this.$status('insert', attempt, this.length + 1)
    })
  }

  /** Values, or another array's: of this one, too. */
  append(list: Iterable<Value>): number {
    const values = this.$values
    if (list instanceof ValueArray && list.$holder.space === this.$holder.space) return this.#appendArray(list)
    const all = listOf('values', list)
    for (let i = 0; i < all.length; i++) values.check(`values[${i}]`, all[i], all.length)
    this.$writable()
    this.$grow(all.length)
    const { length } = this
    try {
      for (let i = 0; i < all.length; i++) this.push(all[i])
    } catch (error) {
      if (this.$holder.isOpen && this.length > length) this.resize(length)
      throw error
    }
    return this.length
  }

  /** By one copy, without a view of each. */
  #appendArray(list: ValueArray): number {
    const { kernel } = this.$values
    const attempt = () => {
      const { length } = this
      const count = list.length
      const status = kernel.arrayResize(this.reference, length + count)
      if (status !== STATUS_OK) return status
      const copied = kernel.arrayCopy(this.reference, length, list.reference, 0, count)
      if (copied !== STATUS_OK) kernel.arrayResize(this.reference, length)
      return copied
    }
    this.$status('append', attempt, this.length + list.length)
    return this.length
  }

  fill(value: Value, from = 0, to: number = this.length): void {
    this.$span(from, to)
    this.$values.check('value', value, to - from)
    this.#store('fill', value, (word) => this.$values.kernel.arrayFill(this.reference, from, to, word))
  }

  /** Numbers are the same by value, NaN as itself and 0 as -0; strings by text; everything else when it is the same. */
  indexOf(value: Value, from = 0): number {
    checkRange('from', from, 0, this.length)
    const values = this.$values
    return values.withWord('value', value, (word) => {
      const found = values.kernel.arrayIndexOf(this.reference, word(), from) >>> 0
      return found === NOWHERE ? -1 : found
    })
  }

  /** As plain data: text as text, other objects by their references. */
  override toJSON(): unknown {
    const { space } = this.$holder
    const store = this.$store
    return Array.from({ length: this.length }, (_, i) => this.$values.plain(space.wordAt(store + 4 * i)))
  }

  #getSlow(index: number): Value {
    this.$check(index)
    return this.#load(this.#wordAt(index), index)
  }

  #load(word: number, index: number): Value {
    return this.$values.read(word, () => this.#wordAt(index))
  }

  #wordAt(index: number): number {
    return this.$holder.space.wordAt(this.$store + 4 * index)
  }

  #store(call: string, value: Value, attempt: (word: number) => number): void {
    const values = this.$values
    values.check('value', value)
    const word = values.wordOf('value', value)
    let status: number
    try {
      status = attempt(word)
    } finally {
      // Also when the array's scope was closed while room was made.
      values.letGo(word, value)
    }
    if (status === STATUS_OK) values.space.views.refresh()
    else if (status !== STATUS_OUT_OF_MEMORY) throw viewRefusal(this, call, status)
    else this.#storeAgain(call, value, attempt)
  }

  #storeAgain(call: string, value: Value, attempt: (word: number) => number): void {
    const elements = call === 'push' ? this.length + 1 : this.length
    this.$values.withWord('value', value, (word) => this.$status(call, () => attempt(word()), elements))
  }
}
