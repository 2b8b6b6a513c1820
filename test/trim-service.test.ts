/**
 * Goal: a long-running process gets its memory back on every Node that runs: one that has grown to 512 MiB and drops to
 * 16 MiB is within 64 MiB of where it began, after a trim, and by decay alone (row C3).
 * Method: a program of its own with the built library (`support/trim-service.mjs`) says what was resident of it, as
 * the system tells; the same on each major of Node that is there. Where the system cannot be asked the test is skipped,
 * with the reason.
 * A failure means that memory stays with the process although the heap says that it went.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { NODES } from './support/nodes.js'
import { posixPages, posixReason } from './support/page-systems.js'

const MIB = 2 ** 20
const PROGRAM = fileURLToPath(new URL('support/trim-service.mjs', import.meta.url))
const LIBRARY = fileURLToPath(new URL('../dist/src/index.js', import.meta.url))

interface Told {
  readonly startBytes: number
  readonly fullBytes: number
  readonly freedBytes: number
  readonly endBytes: number
  readonly keptBytes: number
  readonly isWhole: boolean
  readonly isSound: boolean
  readonly trimmedBytes: number
  readonly result?: { readonly releasedBytes: number; readonly residentAfter: number }
}

function run(path: string, how: 'trim' | 'decay'): Told {
  return JSON.parse(execFileSync(path, [PROGRAM, LIBRARY, how], { encoding: 'utf8' })) as Told
}

if (posixReason !== undefined) console.log(`skipped: ${posixReason}`)

describe.skipIf(posixPages === undefined).each(NODES)('Node $version', ({ path }) => {
  it.each(['trim', 'decay'] as const)('is small again after 512 MiB: %s', (how) => {
    const told = run(path, how)
    expect(told).toMatchObject({ isWhole: true, isSound: true })
    expect(told.fullBytes - told.startBytes).toBeGreaterThan(500 * MIB)
    // Freeing alone gives nothing back: else this would prove nothing.
    expect(told.freedBytes - told.startBytes).toBeGreaterThan(500 * MIB)
    expect(told.keptBytes).toBeGreaterThan(10 * MIB)
    expect(told.keptBytes).toBeLessThan(16 * MIB)
    expect(told.endBytes - told.startBytes).toBeLessThan(64 * MIB)
    expect(told.trimmedBytes).toBeGreaterThan(450 * MIB)
    if (told.result) expect(told.result.residentAfter).toBeLessThan(64 * MIB)
  })
})
