/** Vectors and bytevectors. */
import { boolean, FALSE, INTEGER_MAX, integer, NIL, UNSPECIFIED } from '../memory.js'
import { Arguments, type Kit, type Table } from './kit.js'

/** Items of a vector, bytes of a bytevector. */
const LENGTH_MAX = 1 << 26

export function vectorPrimitives(kit: Kit): Table {
  const { memory } = kit
  const args = new Arguments(memory)
  const { types } = memory
  const vector = (at: number) => args.object(at, 'vector', 'a vector')
  const lengthOf = (word: number) => memory.length(word) >>> 2
  const lengthAt = (at: number) => {
    const length = args.index(at, INTEGER_MAX)
    return length <= LENGTH_MAX ? length : memory.fault('too long a vector', args.word(at))
  }

  const make = (at: number, count: number) =>
    memory.makeWords(types.vector, lengthAt(at), count > 1 ? args.word(at + 1) : FALSE)
  const ofArguments = (at: number, count: number) => {
    const made = memory.makeWords(types.vector, count, NIL)
    for (let i = 0; i < count; i++) memory.store(made, i * 4, args.word(at + i))
    return made
  }
  const set = (at: number) => {
    const target = vector(at)
    memory.store(target, args.index(at + 1, lengthOf(target) - 1) * 4, args.word(at + 2))
    return UNSPECIFIED
  }
  const toList = (at: number, count: number) => {
    const [start, end] = args.range(at + 1, count - 1, lengthOf(vector(at)))
    memory.push(NIL)
    for (let i = end - 1; i >= start; i--) memory.push(memory.pair(memory.load(args.word(at), i * 4), memory.pop()))
    return memory.pop()
  }
  const fromList = (at: number) => {
    const made = memory.makeWords(types.vector, args.listLength(at), NIL)
    let i = 0
    for (let word = args.word(at); memory.isPair(word); word = memory.cdr(word)) {
      memory.store(made, 4 * i++, memory.car(word))
    }
    return made
  }
  const fill = (at: number, count: number) => {
    const [start, end] = args.range(at + 2, count - 2, lengthOf(vector(at)))
    for (let i = start; i < end; i++) memory.store(args.word(at), i * 4, args.word(at + 1))
    return UNSPECIFIED
  }
  const move = (to: number, toIndex: number, from: number, start: number, end: number) => {
    const count = end - start
    const isUp = from === to && start < toIndex
    for (let n = 0; n < count; n++) {
      const i = isUp ? count - 1 - n : n
      memory.store(to, (toIndex + i) * 4, memory.load(from, (start + i) * 4))
    }
  }
  const copy = (at: number, count: number) => {
    const [start, end] = args.range(at + 1, count - 1, lengthOf(vector(at)))
    const made = memory.makeWords(types.vector, end - start, NIL)
    move(made, 0, args.word(at), start, end)
    return made
  }
  const copyTo = (at: number, count: number) => {
    const length = lengthOf(vector(at))
    const to = args.index(at + 1, length)
    const [start, end] = args.range(at + 3, count - 3, lengthOf(vector(at + 2)))
    if (to + end - start > length) memory.fault('does not fit the vector', args.word(at + 1))
    move(args.word(at), to, args.word(at + 2), start, end)
    return UNSPECIFIED
  }
  const append = (at: number, count: number) => {
    let length = 0
    for (let i = at; i < at + count; i++) length += lengthOf(vector(i))
    const made = memory.makeWords(types.vector, length, NIL)
    let to = 0
    for (let i = at; i < at + count; i++) {
      const from = args.word(i)
      move(made, to, from, 0, lengthOf(from))
      to += lengthOf(from)
    }
    return made
  }

  return {
    'vector?': [(at) => boolean(memory.is(args.word(at), types.vector)), 1],
    'make-vector': [make, 1, 2],
    vector: [ofArguments, 0, -1],
    'vector-length': [(at) => integer(lengthOf(vector(at))), 1],
    'vector-ref': [(at) => memory.load(vector(at), args.index(at + 1, lengthOf(vector(at)) - 1) * 4), 2],
    'vector-set!': [set, 3],
    'vector->list': [toList, 1, 3],
    'list->vector': [fromList, 1],
    'vector-fill!': [fill, 2, 4],
    'vector-copy': [copy, 1, 3],
    subvector: [copy, 3],
    'vector-copy!': [copyTo, 3, 5],
    'vector-append': [append, 0, -1],
  }
}

export function bytevectorPrimitives(kit: Kit): Table {
  const { memory } = kit
  const args = new Arguments(memory)
  const { types } = memory
  const bytes = (at: number) => memory.bytesOf(args.object(at, 'bytevector', 'a bytevector'))
  const lengthAt = (at: number) => {
    const length = args.index(at, INTEGER_MAX)
    return length <= LENGTH_MAX ? length : memory.fault('too long a bytevector', args.word(at))
  }

  const make = (at: number, count: number) => {
    const filler = count > 1 ? args.byte(at + 1) : 0
    const length = lengthAt(at)
    const made = memory.make(types.bytevector, length)
    memory.u8.fill(filler, made >>> 0, (made >>> 0) + length)
    return made
  }
  const ofArguments = (at: number, count: number) => {
    const values: number[] = []
    for (let i = at; i < at + count; i++) values.push(args.byte(i))
    return memory.bytevector(Uint8Array.from(values))
  }
  const ref = (at: number) => integer(bytes(at)[args.index(at + 1, bytes(at).length - 1)] as number)
  const set = (at: number) => {
    bytes(at)[args.index(at + 1, bytes(at).length - 1)] = args.byte(at + 2)
    return UNSPECIFIED
  }
  const copy = (at: number, count: number) => {
    const [start, end] = args.range(at + 1, count - 1, bytes(at).length)
    return memory.bytevector(bytes(at).slice(start, end))
  }
  const copyTo = (at: number, count: number) => {
    const to = args.index(at + 1, bytes(at).length)
    const [start, end] = args.range(at + 3, count - 3, bytes(at + 2).length)
    if (to + end - start > bytes(at).length) memory.fault('does not fit the bytevector', args.word(at + 1))
    bytes(at).set(bytes(at + 2).slice(start, end), to)
    return UNSPECIFIED
  }
  const append = (at: number, count: number) => {
    const all: number[] = []
    for (let i = at; i < at + count; i++) for (const byte of bytes(i)) all.push(byte)
    return memory.bytevector(Uint8Array.from(all))
  }
  const fill = (at: number, count: number) => {
    const [start, end] = args.range(at + 2, count - 2, bytes(at).length)
    bytes(at).fill(args.byte(at + 1), start, end)
    return UNSPECIFIED
  }

  return {
    'bytevector?': [(at) => boolean(memory.is(args.word(at), types.bytevector)), 1],
    'make-bytevector': [make, 1, 2],
    bytevector: [ofArguments, 0, -1],
    'bytevector-length': [(at) => integer(bytes(at).length), 1],
    'bytevector-u8-ref': [ref, 2],
    'bytevector-u8-set!': [set, 3],
    'bytevector-copy': [copy, 1, 3],
    'bytevector-copy!': [copyTo, 3, 5],
    'bytevector-append': [append, 0, -1],
    'bytevector-fill!': [fill, 2, 4],
  }
}
