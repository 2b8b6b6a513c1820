/** Equality, pairs, lists, symbols. */
import { boolean, FALSE, INTEGER_MAX, integer, NIL, TRUE, UNSPECIFIED } from '../memory.js'
import { isEqual, isEqv } from './equality.js'
import { Arguments, type Kit, type Table } from './kit.js'

/** After so many items it is looked whether a list has an end. */
const CYCLE_SUSPECTED = 10_000

/** From `car` to `cddddr`. */
const PATHS = ['a', 'd', ...twoToFour()]

function twoToFour(): string[] {
  const longer = (paths: readonly string[]) => paths.flatMap((path) => [`a${path}`, `d${path}`])
  const two = longer(['a', 'd'])
  const three = longer(two)
  return [...two, ...three, ...longer(three)]
}

export function listPrimitives(kit: Kit): Table {
  const { memory, symbols } = kit
  const args = new Arguments(memory)
  const { types } = memory
  type Same = (a: number, b: number) => boolean
  const isSame: Same = (a, b) => a === b
  const eqv: Same = (a, b) => isEqv(memory, a, b)
  const equal: Same = (a, b) => isEqual(memory, a, b)

  const follow = (path: string) => (at: number) => {
    let word = args.word(at)
    for (let i = path.length - 1; i >= 0; i--) {
      if (!memory.isPair(word))
        memory.fault(path.length === 1 ? 'not a pair' : `not what c${path}r needs`, args.word(at))
      word = path[i] === 'a' ? memory.car(word) : memory.cdr(word)
    }
    return word
  }
  const setter = (offset: number) => (at: number) => {
    memory.store(args.pair(at), offset, args.word(at + 1))
    return UNSPECIFIED
  }

  const isList = (at: number) => {
    let word = args.word(at)
    let slow = word
    for (let i = 0; memory.isPair(word); i++) {
      word = memory.cdr(word)
      if (i & 1) slow = memory.cdr(slow)
      if (word === slow) return FALSE
    }
    return boolean(word === NIL)
  }
  const list = (_: number, count: number) => {
    const end = memory.sp
    for (let i = end - count; i < end; i++) memory.pushChecked(memory.i32[i] as number)
    return memory.listOfTop(count)
  }
  /** `list*`, or `cons*`: the last argument is the rest. */
  const listStar = (at: number, count: number) => {
    memory.push(args.word(at + count - 1))
    for (let i = at + count - 2; i >= at; i--) memory.push(memory.pair(args.word(i), memory.pop()))
    return memory.pop()
  }
  const makeList = (at: number, count: number) => {
    const length = args.index(at, INTEGER_MAX)
    const slot = memory.sp
    memory.push(NIL)
    for (let i = 0; i < length; i++) {
      memory.setSlot(slot, memory.pair(count > 1 ? args.word(at + 1) : FALSE, memory.i32[slot] as number))
    }
    return memory.pop()
  }

  /** The pair that is so many behind the start. */
  const tail = (at: number, isPairWanted: boolean) => {
    const index = args.index(at + 1, INTEGER_MAX)
    let word = args.word(at)
    for (let i = 0; i < index; i++) {
      if (!memory.isPair(word)) memory.fault('out of range', args.word(at + 1))
      word = memory.cdr(word)
    }
    if (isPairWanted && !memory.isPair(word)) memory.fault('out of range', args.word(at + 1))
    return word
  }
  const setAt = (at: number) => {
    memory.store(tail(at, true), 0, args.word(at + 2))
    return UNSPECIFIED
  }

  /**
   * Append a copy of the first `length` items of the list in slot `at` to what grows: slots `head` and `last` hold its
   * first and last pair, or NIL.
   */
  const copyOnto = (at: number, length: number, head: number, last: number) => {
    memory.push(args.word(at))
    const cursor = memory.sp - 1
    for (let i = 0; i < length; i++) {
      const made = memory.pair(memory.car(memory.i32[cursor] as number), NIL)
      if (memory.i32[head] === NIL) memory.i32[head] = made
      else memory.store(memory.i32[last] as number, 4, made)
      memory.i32[last] = made
      memory.i32[cursor] = memory.cdr(memory.i32[cursor] as number)
    }
    return memory.pop()
  }
  /** With two slots for a list that grows. */
  const growing = (grow: (head: number, last: number) => number) => {
    const head = memory.sp
    memory.push(NIL)
    memory.push(NIL)
    const rest = grow(head, head + 1)
    const last = memory.pop()
    const first = memory.pop()
    if (first === NIL) return rest
    memory.store(last, 4, rest)
    return first
  }
  const append = (at: number, count: number) => {
    if (count === 0) return NIL
    return growing((head, last) => {
      for (let i = at; i < at + count - 1; i++) copyOnto(i, args.listLength(i), head, last)
      return args.word(at + count - 1)
    })
  }
  const copy = (at: number) => growing((head, last) => copyOnto(at, args.pairs(at), head, last))
  const reverse = (at: number) => {
    args.listLength(at)
    memory.push(args.word(at))
    memory.push(NIL)
    const made = memory.sp - 1
    while (memory.i32[made - 1] !== NIL) {
      memory.setSlot(made, memory.pair(memory.car(memory.i32[made - 1] as number), memory.i32[made] as number))
      memory.i32[made - 1] = memory.cdr(memory.i32[made - 1] as number)
    }
    const result = memory.pop()
    memory.sp--
    return result
  }
  const lastPair = (at: number) => {
    let word = args.pair(at)
    args.pairs(at)
    while (memory.isPair(memory.cdr(word))) word = memory.cdr(word)
    return word
  }

  const member = (same: Same) => (at: number) => {
    let word = args.word(at + 1)
    for (let steps = 0; memory.isPair(word); word = memory.cdr(word)) {
      if (same(args.word(at), memory.car(word))) return word
      if (++steps === CYCLE_SUSPECTED) args.pairs(at + 1)
    }
    return word === NIL ? FALSE : args.fault('a list', at + 1)
  }
  const association = (same: Same) => (at: number) => {
    let word = args.word(at + 1)
    for (let steps = 0; memory.isPair(word); word = memory.cdr(word)) {
      if (++steps === CYCLE_SUSPECTED) args.pairs(at + 1)
      const entry = memory.car(word)
      if (!memory.isPair(entry)) memory.fault('not a pair', entry)
      if (same(args.word(at), memory.car(entry))) return entry
    }
    return word === NIL ? FALSE : args.fault('a list', at + 1)
  }
  const allSame = (isKind: (word: number) => boolean, what: string) => (at: number, count: number) => {
    for (let i = at; i < at + count; i++) if (!isKind(args.word(i))) args.fault(what, i)
    for (let i = at + 1; i < at + count; i++) if (args.word(i) !== args.word(at)) return FALSE
    return TRUE
  }
  const isSymbol = (word: number) => memory.is(word, types.symbol)
  let generated = 0

  const paths: Record<string, Table[string]> = {}
  for (const path of PATHS) paths[`c${path}r`] = [follow(path), 1]
  return {
    ...paths,
    cons: [(at) => memory.pair(args.word(at), args.word(at + 1)), 2],
    'set-car!': [setter(0), 2],
    'set-cdr!': [setter(4), 2],
    'eq?': [(at) => boolean(isSame(args.word(at), args.word(at + 1))), 2],
    'eqv?': [(at) => boolean(eqv(args.word(at), args.word(at + 1))), 2],
    'equal?': [(at) => boolean(equal(args.word(at), args.word(at + 1))), 2],
    not: [(at) => boolean(args.word(at) === FALSE), 1],
    'boolean=?': [allSame((word) => word === TRUE || word === FALSE, 'a boolean'), 2, -1],
    'null?': [(at) => boolean(args.word(at) === NIL), 1],
    'pair?': [(at) => boolean(memory.isPair(args.word(at))), 1],
    'list?': [isList, 1],
    list: [list, 0, -1],
    'cons*': [listStar, 1, -1],
    'make-list': [makeList, 1, 2],
    length: [(at) => integer(args.listLength(at)), 1],
    append: [append, 0, -1],
    reverse: [reverse, 1],
    'list-tail': [(at) => tail(at, false), 2],
    'list-ref': [(at) => memory.car(tail(at, true)), 2],
    'list-set!': [setAt, 3],
    'list-copy': [copy, 1],
    'last-pair': [lastPair, 1],
    memq: [member(isSame), 2],
    memv: [member(eqv), 2],
    '%member': [member(equal), 2],
    assq: [association(isSame), 2],
    assv: [association(eqv), 2],
    '%assoc': [association(equal), 2],
    'symbol?': [(at) => boolean(isSymbol(args.word(at))), 1],
    'symbol=?': [allSame(isSymbol, 'a symbol'), 2, -1],
    'symbol->string': [(at) => memory.string(memory.nameOf(args.symbol(at))), 1],
    'string->symbol': [(at) => symbols.intern(args.text(at)), 1],
    'generate-symbol': [() => symbols.intern(`g${++generated}`), 0],
  }
}
