/**
 * Strings of the heap as JavaScript sees them. Their text is UTF-8 and never changes. Positions are bytes, which cost
 * nothing to find; `byteOffset` gives that of a code point.
 */
import { STRING_TEXT_AT, VALUES_STATUS_AT } from '../../kernel/value-layout.js'
import { checkRange } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import { ObjectView } from '../objects/view.js'
import { refusal } from './refusals.js'
import { type ValueSpace, wellFormed } from './value-space.js'

const NOWHERE = 0xffffffff

/** A string of the heap: made by `heap.values.string`, `intern`, or read from where values are kept. */
export class HeapString extends ObjectView {
  /** The text. */
  get text(): string {
    return valuesOf(this).textAt(this.reference)
  }

  /** Bytes of the text in UTF-8. */
  get byteLength(): number {
    const { reference } = this
    return valuesOf(this).space.wordAt(reference - 4) - STRING_TEXT_AT
  }

  /** How many characters, surrogate pairs counted as one. */
  get codePointLength(): number {
    return valuesOf(this).kernel.stringCodePoints(this.reference)
  }

  /** The same for equal strings; another number in another heap, unless that has the same `hashSeed`. */
  get hash(): number {
    return valuesOf(this).kernel.stringHash(this.reference) >>> 0
  }

  /** Whether it is the one string of its text: `heap.values.intern` gives it. */
  get isInterned(): boolean {
    return valuesOf(this).kernel.isInterned(this.reference) !== 0
  }

  /** The UTF-8, copied. */
  bytes(): Uint8Array<ArrayBuffer> {
    const at = this.reference + STRING_TEXT_AT
    return this.$holder.views.u8.slice(at, at + this.byteLength)
  }

  /** Where the n-th character begins, in bytes; the end for as many as there are. @throws ArgumentError */
  byteOffset(codePoint: number): number {
    const { codePointLength } = this
    checkRange('codePoint', codePoint, 0, codePointLength)
    return valuesOf(this).kernel.stringOffset(this.reference, codePoint) >>> 0
  }

  /** The code point that begins at a byte. @throws ArgumentError when none does */
  codePointAt(byte: number): number {
    const { byteLength } = this
    if (byteLength === 0) throw new ArgumentError('byte', byte, 'left out: the string is empty')
    if (!(byte >>> 0 === byte && byte < byteLength)) throw new ArgumentError('byte', byte, inBytes(byteLength))
    return place('byte', byte, valuesOf(this).kernel.stringCodePointAt(this.reference, byte))
  }

  /**
   * The text from one byte to before another, as a string in the innermost scope.
   *
   * @throws ArgumentError when they are not from 0 to `byteLength`, or inside a character; OutOfMemoryError
   */
  slice(fromByte: number, toByte: number = this.byteLength): HeapString {
    const values = valuesOf(this)
    const { byteLength } = this
    checkRange('toByte', toByte, 0, byteLength)
    checkRange('fromByte', fromByte, 0, toByte)
    const made = values.request(
      toByte - fromByte,
      () => values.kernel.stringSlice(this.reference, fromByte, toByte),
      () => new ArgumentError('fromByte, toByte', `${fromByte}, ${toByte}`, 'between characters, for slice'),
    )
    return values.viewOwned(made) as HeapString
  }

  /** This text and another behind it, as a string in the innermost scope. @throws ArgumentError, OutOfMemoryError */
  concat(other: HeapString | string): HeapString {
    const values = valuesOf(this)
    const needed = this.byteLength
    return values.withWord('other', checkText('other', other), (word) => {
      const made = values.request(
        needed,
        () => values.kernel.stringConcat(this.reference, word()),
        (status) => refusal(values.space, 'concat', status, [this.reference, word()], needed),
      )
      return values.viewOwned(made) as HeapString
    })
  }

  /** The first byte, from `fromByte` on, where `needle` stands; -1 when it does not. @throws ArgumentError */
  indexOf(needle: HeapString | string, fromByte = 0): number {
    const values = valuesOf(this)
    checkRange('fromByte', fromByte, 0, this.byteLength)
    return values.withWord('needle', checkText('needle', needle), (word) => {
      const found = values.kernel.stringFind(this.reference, word(), fromByte) >>> 0
      if (found === NOWHERE && values.isNone(values.word(VALUES_STATUS_AT))) return -1
      return place('fromByte', fromByte, found)
    })
  }

  /** -1, 0 or 1: which comes first by code points. @throws ArgumentError */
  compare(other: HeapString | string): number {
    const values = valuesOf(this)
    return values.withWord('other', checkText('other', other), (word) =>
      values.kernel.stringCompare(this.reference, word()),
    )
  }

  /** Whether something is a string, of this heap or of JavaScript, with the same text. */
  equals(other: unknown): boolean {
    if (typeof other === 'string') return this.text === wellFormed(other)
    if (!(other instanceof HeapString)) return false
    const { space } = valuesOf(this)
    if (ObjectView.holderOf(other).space !== space) return this.text === other.text
    return valuesOf(this).kernel.stringEquals(this.reference, other.reference) !== 0
  }

  /** The text. */
  override toString(): string {
    return this.text
  }

  /** What Node's console prints. */
  [Symbol.for('nodejs.util.inspect.custom')](): unknown {
    return ObjectView.holderOf(this).isOpen ? this.text : 'a view that is stale'
  }

  /** The text: strings are plain data. */
  override toJSON(): unknown {
    return this.text
  }
}

function valuesOf(view: HeapString): ValueSpace {
  return ObjectView.holderOf(view).space.values
}

function checkText(argument: string, value: unknown): HeapString | string {
  if (typeof value === 'string' || value instanceof HeapString) return value
  throw new ArgumentError(argument, value, 'a string, of this heap or of JavaScript')
}

function inBytes(byteLength: number): string {
  return `the position of a byte, an integer from 0 to ${byteLength - 1}`
}

function place(argument: string, value: number, found: number): number {
  if (found >>> 0 === NOWHERE) throw new ArgumentError(argument, value, 'where a character begins')
  return found >>> 0
}
