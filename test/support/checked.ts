/** `checkModule` for tests: what a guest prints goes to a file, and what is found is told in few words. */

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CheckOptions, type CheckReport, checkModule, type StackFrame } from '../../src/guest/check/index.js'

export interface CapturedCheck extends CheckReport {
  readonly output: string
}

/** A check with the guest's standard streams in files. */
export async function checkCaptured(
  bytes: Uint8Array,
  { input = '', ...options }: CheckOptions & { readonly input?: string } = {},
): Promise<CapturedCheck> {
  const directory = mkdtempSync(join(tmpdir(), 'heapwright-check-'))
  const [inputFile, outputFile] = [join(directory, 'in'), join(directory, 'out')]
  writeFileSync(inputFile, input)
  const [stdin, stdout] = [openSync(inputFile, 'r'), openSync(outputFile, 'w')]
  try {
    const report = await checkModule(bytes, { ...options, stdin, stdout })
    return { ...report, output: readFileSync(outputFile, 'utf8') }
  } finally {
    for (const file of [stdin, stdout]) closeSync(file)
    rmSync(directory, { recursive: true })
  }
}

const nameOf = (stack: readonly StackFrame[] | undefined) => stack?.[0]?.name ?? ''

/** Each fault as `kind, how often, where it happened < who allocated < who freed`. */
export function brief({ faults }: CheckReport): string[] {
  return faults.map(({ kind, count, stack, block }) => {
    const places = [nameOf(stack), nameOf(block?.allocated), nameOf(block?.freed)]
    return `${kind} ${count}: ${places.join(' < ')}`
  })
}
