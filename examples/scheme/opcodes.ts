/**
 * Code as it lies in the heap: an object of words, three of head, then instructions, which are integers, and behind some
 * of them a word that belongs to the instruction: a constant, a symbol, the code of a closure. So the collector needs to
 * know nothing of it.
 *
 *   head         [ name ][ facts ][ first line ]       facts: required arguments | rest? << 8 | most slots << 9
 *   instruction  [ place : 18 | a : 6 | operation : 7 | 1 ]   place: lines from the first line : 10 | column : 8
 *                [ operand : 24, signed | operation : 7 | 1 ]
 *
 * A frame on the stack, and what `fp`, an index of the stack, points at:
 *
 *   [ caller's fp ][ return place ][ closure ][ argument 0 ] ... [ variables of let ] ... [ temporaries ] ...
 *                                             ^ fp
 * Both saved words are integers: fp counts from the stack's base, a place from the code object's start.
 *
 * The instructions themselves stand in `machine.ts`, beside the loop that runs them.
 */

export const CODE_NAME = 0
export const CODE_FACTS = 4
export const CODE_LINE = 8
/** Words of the head. */
export const CODE_HEAD = 3
/** First line of code that is part of the language: errors are said to be where it was called from. */
export const LINE_OF_LIBRARY = 0
export const FACT_REQUIRED_MASK = 0xff
export const FACT_REST = 1 << 8
export const FACT_SLOTS_SHIFT = 9
export const SLOTS_MAX = (1 << 20) - 1
/** Saved words below the closure. */
export const FRAME_SLOTS = 2
/** Most arguments that a call may have in its own text; `apply` takes more. */
export const ARGUMENTS_MAX = 63

const LINES_MAX = 1023
const PLACE_SHIFT = 14
const OPERAND_SHIFT = 8

/** `place` counts its lines from the code's first. */
export const placeIn = (at: number, firstLine: number): number =>
  at === 0 ? 0 : (Math.min(Math.max((at >>> 8) - firstLine, 0), LINES_MAX) << 8) | (at & 0xff)
/** Where an instruction of a kind that has a place stands in the text; 0: nowhere. */
export function placeOfInstruction(instruction: number, firstLine: number): number {
  const place = instruction >>> PLACE_SHIFT
  return (place & 0xff) === 0 ? 0 : place + (firstLine << 8)
}

export const encode = (op: number, a: number, at: number): number => (at << PLACE_SHIFT) | (a << 8) | (op << 1) | 1 | 0
export const encodeOperand = (op: number, operand: number): number => (operand << OPERAND_SHIFT) | (op << 1) | 1 | 0
export const OPERAND_MAX = 0x7fffff
