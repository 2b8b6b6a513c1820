/**
 * The majors of Node that are there: the one that runs the tests, and those in build/nodes, where .ci/run puts them.
 * One that is missing is left out, which is said once; where `CI` or `HEAPWRIGHT_CI` is set, to miss one is a failure.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PLACE = fileURLToPath(new URL('../../build/nodes/node_modules', import.meta.url))
/** What .ci/run installs. */
const MAJORS = [22, 24, 26]

/** One Node. */
export interface NodeProgram {
  readonly major: number
  /** Such as `v22.23.3`. */
  readonly version: string
  /** Of its executable. */
  readonly path: string
}

/** The Node that runs the tests, then the others that are there, oldest first; one of each major. */
export const NODES: readonly NodeProgram[] = findNodes()

function findNodes(): NodeProgram[] {
  const own = nodeAt(process.execPath)
  if (own === undefined) throw new Error(`${process.execPath} does not tell its version`)
  const others = MAJORS.filter((major) => major !== own.major)
  const found = others.flatMap((major) => nodeAt(join(PLACE, `node${major}`, 'bin', 'node')) ?? [])
  const missing = others.filter((major) => !found.some((node) => node.major === major))
  if (missing.length > 0) tellMissing(missing)
  return [own, ...found]
}

function tellMissing(majors: readonly number[]): void {
  const names = majors.map((major) => `node${major}@npm:node-${process.platform}-${process.arch}@${major}`)
  const message = `Node ${majors.join(', ')}: npm install --prefix build/nodes ${names.join(' ')}`
  if (process.env.CI || process.env.HEAPWRIGHT_CI) throw new Error(`there is no ${message}`)
  console.log(`skipped: the tests on other majors of Node run on those in build/nodes; there is no ${message}`)
}

function nodeAt(path: string): NodeProgram | undefined {
  try {
    const version = execFileSync(path, ['--version'], { encoding: 'utf8', stdio: 'pipe' }).trim()
    return { major: Number(version.slice(1).split('.')[0]), version, path }
  } catch {
    return undefined
  }
}
