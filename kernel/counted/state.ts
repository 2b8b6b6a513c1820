/**
 * What the plan of counted objects keeps between calls: words behind those of the object space, which lie in a piece
 * of the heap, since a `manual` heap has no room for them in its control block. Places: `value-layout.ts`.
 */
import { SPACE_COOKIE_AT } from '../value-layout'
import { spaceAt } from '../object-overlay'

@unmanaged
export class CountedState {
  /** What an object's address is mixed with to give its sign. */
  cookie: u32
  candidates: usize
  candidateCount: u32
  candidateCapacity: u32
  missed: u32
  /** Members of the trial, in the order in which they were met; 0 where one has been released since. */
  list: usize
  count: u32
  capacity: u32
  phase: u32
  threshold: u32
  stepUnits: u32
  trials: u32
  trialsLost: u32
  trialReleased: u32
  /** Index in the list where the phase goes on, and how many elements of that member are done. */
  cursor: u32
  from: u32
  /** [0, aliveEnd) of the list are alive; what those in [0, aliveDone) refer to is, too. */
  aliveDone: u32
  aliveEnd: u32
  /** Something has happened to a member since the trial began. */
  touched: u32
  /** The list could not grow. */
  failed: u32
  /** Undecided members whose going somebody watches. */
  watched: u32
  /** Candidates that the trial has yet to take. */
  intake: u32
  /** Places of the candidates' table kept free for members that may have to go back. */
  reserved: u32
  /** Allocations take steps. */
  isDue: u32
  /** Candidates at which they begin to. */
  dueAt: u32
  /** First of the objects without a count whose references are to be dropped, linked by their trial word. */
  work: usize
  isDraining: u32
  /** Of `handlePop`: the new top, 0 once it was met. */
  popTop: usize
  isPopped: u32
  /** The trial takes every object that can refer: the block that it looked at last, and whether it still looks. */
  walkAt: usize
  isWalking: u32
  /** It began so. */
  isAll: u32
  /** Candidates that a trial takes at most: fewer after one whose list could not grow. */
  most: u32
}

// @ts-ignore: decorator
@inline
export function counted(): CountedState {
  return changetype<CountedState>(spaceAt() + SPACE_COOKIE_AT)
}
