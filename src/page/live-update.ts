/** How the state of a heap changes with each event of the stream: one rule for the page and for the terminal. */
import type { LiveEnd, LiveFigures, LiveHistory, LivePicture, LiveState } from './live-data.js'

/** Points that are kept: five minutes at two updates a second. */
export const HISTORY_MAX = 600

/** The data of each event by its name. */
export interface LiveEvents {
  readonly state: LiveState
  readonly figures: LiveFigures
  readonly picture: LivePicture
  readonly end: LiveEnd
}

export type LiveEventName = keyof LiveEvents
export const LIVE_EVENTS: readonly LiveEventName[] = ['state', 'figures', 'picture', 'end']

export function updateState<Name extends LiveEventName>(
  state: LiveState,
  name: Name,
  data: LiveEvents[Name],
): LiveState {
  if (name === 'state') return data as LiveState
  if (name !== 'figures') return { ...state, [name]: data }
  const figures = data as LiveFigures
  return { ...state, figures, history: addPoint(state.history, figures) }
}

export function addPoint(history: LiveHistory, { atMs, stats }: LiveFigures): LiveHistory {
  const add = (column: readonly number[], next: number) => [...column, next].slice(-HISTORY_MAX)
  return {
    atMs: add(history.atMs, atMs),
    inUseBytes: add(history.inUseBytes, stats.inUseBytes),
    committedBytes: add(history.committedBytes, stats.committedBytes),
  }
}
