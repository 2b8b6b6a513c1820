/** Levels of pressure by what share of a limit is used. */
import type { PressureLevel } from '../page/live-data.js'

const FROM: readonly (readonly [PressureLevel, number])[] = [
  ['critical', 0.95],
  ['high', 0.8],
  ['medium', 0.6],
]

export function levelOf(usage: number): PressureLevel {
  return FROM.find(([, from]) => usage >= from)?.[0] ?? 'low'
}
