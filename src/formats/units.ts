/**
 * Numbers for people: one way of writing bytes, counts, times and shares in tables and reports. Imports nothing, so
 * that the scripts of the pages use it, too.
 */

/** Bytes as people read them: exact below 1 KiB, else in the largest unit with at most two decimals. */
export function formatBytes(bytes: number): string {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    if (Math.abs(bytes) >= size) return `${Math.round((bytes / size) * 100) / 100} ${unit}`
  }
  return `${bytes} B`
}

const COUNT = new Intl.NumberFormat('en-US')

/** `1,234,567`. */
export function formatCount(count: number): string {
  return COUNT.format(count)
}

/** `12.3 ns`, `4.56 µs`, `0.79 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds >= 1) return `${threeFigures(seconds)} s`
  if (seconds >= 1e-3) return `${threeFigures(seconds * 1e3)} ms`
  if (seconds >= 1e-6) return `${threeFigures(seconds * 1e6)} µs`
  return `${threeFigures(seconds * 1e9)} ns`
}

/** `97.5 %`. */
export function formatShare(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function threeFigures(value: number): string {
  if (value >= 99.95) return value.toFixed(0)
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2)
}
