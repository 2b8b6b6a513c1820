/**
 * Instructions. Code is an object of words: three of head, then instructions, which are integers, and behind some of
 * them a word that belongs to the instruction: a constant, a symbol, the code of a closure. So a code object is words
 * alone, and the collector needs to know nothing of it.
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
 */

export const CODE_NAME = 0
export const CODE_FACTS = 4
export const CODE_LINE = 8
/** Words of the head. */
export const CODE_HEAD = 3
export const FACT_REST = 1 << 8
export const FACT_SLOTS_SHIFT = 9
/** Saved words below the closure. */
export const FRAME_SLOTS = 2
/** Most arguments that a call may have in its own text; `apply` takes more. */
export const ARGUMENTS_MAX = 63

// biome-ignore lint/suspicious/noConstEnum: its members become literals, which makes the machine's switch a jump table
export const enum Op {
  /** The next word. */
  CONSTANT,
  /** The operand, an integer. */
  INTEGER,
  LOCAL,
  SET_LOCAL,
  /** A local that is a box. */
  LOCAL_BOX,
  SET_LOCAL_BOX,
  FREE,
  FREE_BOX,
  SET_FREE_BOX,
  /** The value of the symbol in the next word. */
  GLOBAL,
  SET_GLOBAL,
  DEFINE_GLOBAL,
  /** Relative to the next instruction. */
  JUMP,
  JUMP_FALSE,
  /** Jump with the value left where it is if it is true; else pop it. */
  JUMP_TRUE_KEEP,
  JUMP_FALSE_KEEP,
  /** Begin a call: the operand is where it returns to, relative to the next instruction. */
  FRAME,
  CALL,
  TAIL_CALL,
  RETURN,
  POP,
  /** Take so many slots from under the top. */
  LEAVE,
  /** Put the local into a new box. */
  BOX,
  /** A closure of the code in the next word, and of so many values on top of the stack. */
  CLOSURE,
  /** Call the primitive in the next word with `a` arguments. */
  PRIMITIVE,
  ADD,
  SUBTRACT,
  MULTIPLY,
  EQUAL,
  LESS,
  GREATER,
  AT_MOST,
  AT_LEAST,
  /** Add the integer `a` - 32. */
  ADD_SMALL,
  EQ,
  NOT,
  IS_NULL,
  IS_PAIR,
  CAR,
  CDR,
  CONS,
  VECTOR_REF,
  VECTOR_SET,
  /** Drop the top into the local: a loop's variable gets its next value. */
  MOVE_LOCAL,
  /** Jump unless the comparison of the two on top holds; the next word is the distance. */
  UNLESS_EQUAL,
  UNLESS_LESS,
  UNLESS_GREATER,
  UNLESS_NULL,
  UNLESS_PAIR,
  UNLESS_EQ,
}

export const place = (line: number, column: number): number => (Math.min(line, 1023) << 8) | Math.min(column, 255)
export const encode = (op: Op, a: number, at: number): number => ((at << 14) | (a << 8) | (op << 1) | 1) | 0
export const encodeOperand = (op: Op, operand: number): number => ((operand << 8) | (op << 1) | 1) | 0
export const OPERAND_MAX = 0x7fffff
