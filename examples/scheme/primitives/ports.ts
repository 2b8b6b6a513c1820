/**
 * Ports on strings, and the one to the outside, which only writes. A port has bytes and a place in them; what is written
 * goes into bytes of twice the length when they are full.
 */
import { SyntaxFault } from '../errors.js'
import {
  boolean,
  character,
  EOF,
  FALSE,
  INTEGER_MAX,
  integer,
  integerOf,
  NIL,
  REG_OUTPUT,
  TRUE,
  UNSPECIFIED,
} from '../memory.js'
import { Reader } from '../reader.js'
import { Arguments, type Kit, type Table } from './kit.js'

/** Fields of a port: bytes, place, kind. */
const BYTES = 0
const PLACE = 4
const KIND = 8
const INPUT = integer(0)
const OUTPUT = integer(1)
const CONSOLE = integer(2)
const CLOSED = integer(3)
const FIRST_BYTES = 32

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export function portPrimitives(kit: Kit): Table {
  const { memory, writer } = kit
  const args = new Arguments(memory)
  const { types } = memory

  const open = (bytes: number, kind: number) => {
    memory.push(bytes)
    memory.push(integer(0))
    memory.push(kind)
    return memory.makeOfTop(types.port, 3)
  }
  const kindAt = (at: number) => memory.load(args.object(at, 'port', 'a port'), KIND)
  /** The string may change: the port reads what it was. */
  const openInput = (at: number) => {
    memory.push(memory.bytes(memory.utf8Of(args.string(at)).slice()))
    return open(memory.pop(), INPUT)
  }

  // ---- writing ------------------------------------------------------------------------------------------------------

  /** Write to the port in a slot. */
  const writeTo = (slot: number, text: string) => {
    const kind = kindAt(slot)
    if (kind === CONSOLE) return kit.print(text)
    if (kind !== OUTPUT) memory.fault('not a port that can be written to', args.word(slot))
    const added = encoder.encode(text)
    const place = integerOf(memory.load(args.word(slot), PLACE))
    if (place + added.length > memory.length(memory.load(args.word(slot), BYTES))) grow(slot, place + added.length)
    const bytes = memory.load(args.word(slot), BYTES)
    memory.u8.set(added, (bytes >>> 0) + place)
    memory.store(args.word(slot), PLACE, integer(place + added.length))
  }
  const grow = (slot: number, needed: number) => {
    const made = memory.make(types.bytes, Math.max(needed, 2 * memory.length(memory.load(args.word(slot), BYTES))))
    const old = memory.bytesOf(memory.load(args.word(slot), BYTES))
    memory.u8.set(old, made >>> 0)
    memory.store(args.word(slot), BYTES, made)
  }
  /** To the port that is the argument at `at` if there is one, else where output goes now. */
  const write = (text: string, at: number, isGiven: boolean) => {
    const parameter = memory.register(REG_OUTPUT)
    if (isGiven) writeTo(at, text)
    else if (parameter === NIL) kit.print(text)
    else {
      memory.push(memory.load(parameter, 0))
      writeTo(memory.sp - 1, text)
      memory.sp--
    }
    return UNSPECIFIED
  }
  const writing = (textOf: (at: number) => string) => (at: number, count: number) =>
    write(textOf(at), at + 1, count > 1)
  const writeString = (at: number, count: number) => {
    const characters = [...args.text(at)]
    const [start, end] = args.range(at + 2, count - 2, characters.length)
    return write(characters.slice(start, end).join(''), at + 1, count > 1)
  }
  const output = (at: number) => {
    if (kindAt(at) !== OUTPUT) memory.fault('not a port that gives a string', args.word(at))
    const port = args.word(at)
    return decoder.decode(memory.bytesOf(memory.load(port, BYTES)).subarray(0, integerOf(memory.load(port, PLACE))))
  }
  const outputParameter = () => {
    memory.push(open(NIL, CONSOLE))
    memory.push(FALSE)
    memory.setRegister(REG_OUTPUT, memory.makeOfTop(types.parameter, 2))
    return memory.register(REG_OUTPUT)
  }

  // ---- reading ------------------------------------------------------------------------------------------------------

  /** What is left to be read from the argument at `at`. */
  const restAt = (at: number, count: number): Uint8Array => {
    if (count === 0) return new Uint8Array()
    if (kindAt(at) !== INPUT) memory.fault('not a port that can be read', args.word(at))
    const port = args.word(at)
    return memory.bytesOf(memory.load(port, BYTES)).subarray(integerOf(memory.load(port, PLACE)))
  }
  const advance = (at: number, bytes: number) => {
    const port = args.word(at)
    memory.store(port, PLACE, integer(integerOf(memory.load(port, PLACE)) + bytes))
  }
  const bytesOfCharacter = (first: number) => (first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4)
  const next = (isTaken: boolean) => (at: number, count: number) => {
    const rest = restAt(at, count)
    if (rest.length === 0) return EOF
    const bytes = bytesOfCharacter(rest[0] as number)
    const code = decoder.decode(rest.subarray(0, bytes)).codePointAt(0) as number
    if (isTaken) advance(at, bytes)
    return character(code)
  }
  const readLine = (at: number, count: number) => {
    const rest = restAt(at, count)
    if (rest.length === 0) return EOF
    const end = rest.indexOf(10)
    const line = decoder.decode(rest.subarray(0, end < 0 ? rest.length : end))
    advance(at, end < 0 ? rest.length : end + 1)
    return memory.string(line)
  }
  const readString = (at: number, count: number) => {
    const length = args.index(at, INTEGER_MAX)
    const rest = restAt(at + 1, count - 1)
    if (rest.length === 0) return EOF
    let bytes = 0
    for (let i = 0; i < length && bytes < rest.length; i++) bytes += bytesOfCharacter(rest[bytes] as number)
    const text = decoder.decode(rest.subarray(0, bytes))
    advance(at + 1, bytes)
    return memory.string(text)
  }
  const read = (at: number, count: number) => {
    const text = decoder.decode(restAt(at, count))
    if (text === '') return EOF
    const reader = new Reader(text)
    try {
      const node = reader.next()
      advance(at, encoder.encode(text.slice(0, reader.position)).length)
      return node === undefined ? EOF : kit.datum(node)
    } catch (error) {
      if (!(error instanceof SyntaxFault)) throw error
      return memory.fault(`read: ${error.message}`)
    }
  }

  const isKind =
    (...kinds: readonly number[]) =>
    (at: number) =>
      boolean(memory.is(args.word(at), types.port) && kinds.includes(memory.load(args.word(at), KIND)))
  const close = (at: number) => {
    kindAt(at)
    memory.store(args.word(at), KIND, CLOSED)
    return UNSPECIFIED
  }
  const display = writing((at) => writer.text(args.word(at), 'display'))
  const written = writing((at) => writer.text(args.word(at), 'write'))

  return {
    display: [display, 1, 2],
    write: [written, 1, 2],
    'write-shared': [written, 1, 2],
    'write-simple': [written, 1, 2],
    'write-char': [writing((at) => String.fromCodePoint(args.character(at))), 1, 2],
    'write-string': [writeString, 1, 4],
    newline: [(at, count) => write('\n', at, count > 0), 0, 1],
    'flush-output-port': [() => UNSPECIFIED, 0, 1],
    '%output-parameter': [outputParameter, 0],
    'open-input-string': [openInput, 1],
    'open-output-string': [() => open(memory.make(types.bytes, FIRST_BYTES), OUTPUT), 0],
    'get-output-string': [(at) => memory.string(output(at)), 1],
    'read-char': [next(true), 0, 1],
    'peek-char': [next(false), 0, 1],
    'char-ready?': [() => TRUE, 0, 1],
    'read-line': [readLine, 0, 1],
    'read-string': [readString, 1, 2],
    read: [read, 0, 1],
    'eof-object': [() => EOF, 0],
    'eof-object?': [(at) => boolean(args.word(at) === EOF), 1],
    'port?': [isKind(INPUT, OUTPUT, CONSOLE, CLOSED), 1],
    'textual-port?': [isKind(INPUT, OUTPUT, CONSOLE, CLOSED), 1],
    'binary-port?': [() => FALSE, 1],
    'input-port?': [isKind(INPUT), 1],
    'output-port?': [isKind(OUTPUT, CONSOLE), 1],
    'input-port-open?': [isKind(INPUT), 1],
    'output-port-open?': [isKind(OUTPUT, CONSOLE), 1],
    'close-port': [close, 1],
    'close-input-port': [close, 1],
    'close-output-port': [close, 1],
  }
}
