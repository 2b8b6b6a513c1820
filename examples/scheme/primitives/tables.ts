/**
 * Hash tables: the library's dictionaries, in order of insertion. A table refers to its dictionary and says how it
 * compares.
 *
 *   by eqv?    keys are the objects themselves; numbers are the same key when they are equal, so 1 and 1.0 are
 *   by equal?  a string is looked up by its text, any other compound datum by the text that `write` gives, and the entry
 *              has the key beside the value: (key . value). A procedure or a record is a key by itself, not a part of one
 */
import { boolean, FALSE, integer, isLibrary, isPrimitive, isReference, NIL, TRUE, UNSPECIFIED } from '../memory.js'
import { Arguments, type Kit, type Table } from './kit.js'

/** Fields of a table: dictionary, whether it compares by `equal?`. */
const DICTIONARY = 0
const BY_EQUAL = 4

export function tablePrimitives(kit: Kit): Table {
  const { memory, writer } = kit
  const args = new Arguments(memory)
  const { types } = memory

  const make = (byEqual: number) => () => {
    memory.push(memory.dictionary())
    memory.push(byEqual)
    return memory.makeOfTop(types.table, 2)
  }
  const table = (at: number) => args.object(at, 'table', 'a hash table')
  const dictionary = (at: number) => memory.load(table(at), DICTIONARY)
  const isText = (at: number, keyAt: number) => {
    const key = args.word(keyAt)
    if (memory.load(table(at), BY_EQUAL) !== TRUE || !isReference(key)) return false
    return [types.string, types.pair, types.vector, types.bytevector].includes(memory.typeOf(key))
  }
  /** Whether a datum and its parts are all such that their text says what they are. */
  const isData = (datum: number) => {
    const seen = new Set<number>()
    const waiting = [datum]
    for (let word = waiting.pop(); word !== undefined; word = waiting.pop()) {
      if (isPrimitive(word) || isLibrary(word)) return false
      if (!isReference(word) || seen.has(word)) continue
      seen.add(word)
      if (memory.isPair(word) || memory.is(word, types.vector)) {
        for (let i = 0; i < memory.length(word); i += 4) waiting.push(memory.load(word, i))
      } else if (![types.string, types.symbol, types.float, types.bytevector].includes(memory.typeOf(word)))
        return false
    }
    return true
  }
  /** A string is told from what is written like one by what is in front. */
  const textOf = (keyAt: number) => {
    const key = args.word(keyAt)
    if (!isData(key)) args.fault('a key: it has parts that are no data', keyAt)
    return memory.is(key, types.string) ? `"${memory.textOf(key)}` : writer.text(key, 'write')
  }

  /** The value of a key, or of the pair that is its value; 0: none. May collect. */
  const find = (at: number, keyAt: number) => {
    if (!isText(at, keyAt)) return memory.words.dictionaryGet(dictionary(at), args.word(keyAt))
    return memory.words.dictionaryGetText(dictionary(at), textOf(keyAt))
  }
  const valueAt = (at: number, keyAt: number) => {
    const found = find(at, keyAt)
    return found !== 0 && isText(at, keyAt) ? memory.cdr(found) : found
  }
  const set = (at: number) => {
    if (!isText(at, at + 1)) {
      memory.setEntry(dictionary(at), args.word(at + 1), args.word(at + 2))
      return UNSPECIFIED
    }
    const found = find(at, at + 1)
    if (found !== 0) {
      memory.store(found, 4, args.word(at + 2))
      return UNSPECIFIED
    }
    memory.push(memory.pair(args.word(at + 1), args.word(at + 2)))
    const key = memory.libraryString(textOf(at + 1))
    const entry = memory.pop()
    memory.setEntry(dictionary(at), key, entry)
    return UNSPECIFIED
  }
  const remove = (at: number) => {
    const key = isText(at, at + 1) ? memory.libraryString(textOf(at + 1)) : args.word(at + 1)
    memory.words.dictionaryDelete(dictionary(at), key)
    return UNSPECIFIED
  }
  const clear = (at: number) => {
    memory.words.dictionaryClear(dictionary(at))
    return UNSPECIFIED
  }
  /** All entries, in their order. */
  const toList = (at: number) => {
    const { words } = memory
    const entries: number[] = []
    const start = dictionary(at)
    for (let i = words.dictionaryNext(start, 0); i >= 0; i = words.dictionaryNext(start, i + 1)) entries.push(i)
    memory.push(NIL)
    const slot = memory.sp - 1
    for (const i of entries.reverse()) {
      const entry = entryAt(at, i)
      memory.setSlot(slot, memory.pair(entry, memory.i32[slot] as number))
    }
    return memory.pop()
  }
  const entryAt = (at: number, position: number) => {
    const key = memory.words.dictionaryKeyAt(dictionary(at), position)
    const value = memory.words.dictionaryValueAt(dictionary(at), position)
    if (!memory.words.isString(key)) return memory.pair(key, value)
    return memory.pair(memory.car(value), memory.cdr(value))
  }
  const like = (at: number) => make(memory.load(table(at), BY_EQUAL))()
  const count = (at: number) => integer(memory.words.dictionarySize(dictionary(at)))
  const contains = (at: number) => boolean(find(at, at + 1) !== 0)
  const reference = (at: number) => valueAt(at, at + 1) || args.word(at + 2)

  return {
    'make-hash-table': [make(TRUE), 0, 2],
    'make-equal-hash-table': [make(TRUE), 0, 1],
    'make-string-hash-table': [make(TRUE), 0, 1],
    'make-eqv-hash-table': [make(FALSE), 0, 1],
    'make-eq-hash-table': [make(FALSE), 0, 1],
    '%hash-table-like': [like, 1],
    'hash-table?': [(at) => boolean(memory.is(args.word(at), types.table)), 1],
    'hash-table-ref/default': [reference, 3],
    'hash-table-set!': [set, 3],
    'hash-table-delete!': [remove, 2],
    'hash-table-contains?': [contains, 2],
    'hash-table-exists?': [contains, 2],
    'hash-table-count': [count, 1],
    'hash-table-size': [count, 1],
    'hash-table-clear!': [clear, 1],
    'hash-table->alist': [toList, 1],
  }
}
