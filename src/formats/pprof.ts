/**
 * Writes allocation profiles as pprof's profile.proto (https://github.com/google/pprof/blob/main/proto/profile.proto),
 * which `go tool pprof`, Speedscope, Grafana Pyroscope, Polar Signals and Datadog read; files of it are gzipped.
 *
 * Types of samples, in the order that Go's heap profiles have them: alloc_objects, alloc_space, inuse_objects,
 * inuse_space, the last of which is what viewers show first. Values are estimates of all allocations, as the format
 * asks for. Labels of a sample are the size of its blocks, `bytes`, and `tenant`.
 */
import type { AllocationProfile, ProfileFrame, ProfileSample } from './allocation-profile.js'
import { ProtobufWriter } from './protobuf.js'

/** Numbers of the fields, by message. */
const PROFILE = {
  sampleType: 1,
  sample: 2,
  mapping: 3,
  location: 4,
  function: 5,
  stringTable: 6,
  timeNanos: 9,
  durationNanos: 10,
  periodType: 11,
  period: 12,
  defaultSampleType: 14,
} as const
const VALUE_TYPE = { type: 1, unit: 2 } as const
const SAMPLE = { locationId: 1, value: 2, label: 3 } as const
const LABEL = { key: 1, str: 2, num: 3, numUnit: 4 } as const
const MAPPING = { id: 1, filename: 5, hasFunctions: 7, hasFilenames: 8, hasLineNumbers: 9 } as const
const LOCATION = { id: 1, mappingId: 2, line: 4 } as const
const LINE = { functionId: 1, line: 2, column: 3 } as const
const FUNCTION = { id: 1, name: 2, systemName: 3, filename: 4 } as const

const SAMPLE_TYPES = [
  ['alloc_objects', 'count'],
  ['alloc_space', 'bytes'],
  ['inuse_objects', 'count'],
  ['inuse_space', 'bytes'],
] as const
const DEFAULT_TYPE = 'inuse_space'
const MAPPING_ID = 1
const MICROSECOND = 1000n

/** The profile as bytes of profile.proto, not gzipped. */
export function writePprof(profile: AllocationProfile): Uint8Array<ArrayBuffer> {
  return new PprofWriter().write(profile)
}

class PprofWriter {
  readonly #out = new ProtobufWriter()
  /** Index by string; the first is the empty one, which stands for none. */
  readonly #strings = new Map<string, number>([['', 0]])
  readonly #functions = new Map<string, number>()
  readonly #locations = new Map<string, number>()

  write(profile: AllocationProfile): Uint8Array<ArrayBuffer> {
    for (const [type, unit] of SAMPLE_TYPES) this.#valueType(PROFILE.sampleType, type, unit)
    for (const sample of profile.samples) this.#sample(sample)
    this.#mapping(profile.name)
    this.#out.number(PROFILE.timeNanos, nanoseconds(profile.beganMs))
    this.#out.number(PROFILE.durationNanos, nanoseconds(profile.durationMs))
    this.#valueType(PROFILE.periodType, 'space', 'bytes')
    this.#out.number(PROFILE.period, Math.round(profile.meanBytes))
    this.#out.number(PROFILE.defaultSampleType, this.#string(DEFAULT_TYPE))
    // Last: by now all strings are known.
    for (const text of this.#strings.keys()) this.#out.text(PROFILE.stringTable, text)
    return this.#out.bytes
  }

  #valueType(field: number, type: string, unit: string): void {
    this.#out.message(field, (message) => {
      message.number(VALUE_TYPE.type, this.#string(type))
      message.number(VALUE_TYPE.unit, this.#string(unit))
    })
  }

  #sample(sample: ProfileSample): void {
    const { allocObjects, allocBytes, inuseObjects, inuseBytes, tenant } = sample
    const locations = sample.frames.map((frame) => this.#location(frame))
    this.#out.message(PROFILE.sample, (message) => {
      message.numbers(SAMPLE.locationId, locations)
      message.numbers(SAMPLE.value, [allocObjects, allocBytes, inuseObjects, inuseBytes].map(Math.round))
      message.message(SAMPLE.label, (label) => {
        label.number(LABEL.key, this.#string('bytes'))
        label.number(LABEL.num, sample.bytes)
        label.number(LABEL.numUnit, this.#string('bytes'))
      })
      if (tenant === undefined) return
      message.message(SAMPLE.label, (label) => {
        label.number(LABEL.key, this.#string('tenant'))
        label.number(LABEL.str, this.#string(tenant))
      })
    })
  }

  #location(frame: ProfileFrame): number {
    const { line, column } = frame
    const functionId = this.#function(frame)
    return idOf(this.#locations, `${functionId} ${line} ${column}`, (id) => {
      this.#out.message(PROFILE.location, (message) => {
        message.number(LOCATION.id, id)
        message.number(LOCATION.mappingId, MAPPING_ID)
        message.message(LOCATION.line, (place) => {
          place.number(LINE.functionId, functionId)
          place.number(LINE.line, line)
          place.number(LINE.column, column)
        })
      })
    })
  }

  #function({ functionName, url }: ProfileFrame): number {
    const name = this.#string(functionName)
    const filename = this.#string(url)
    return idOf(this.#functions, `${name} ${filename}`, (id) => {
      this.#out.message(PROFILE.function, (message) => {
        message.number(FUNCTION.id, id)
        message.number(FUNCTION.name, name)
        message.number(FUNCTION.systemName, name)
        message.number(FUNCTION.filename, filename)
      })
    })
  }

  /** The program as a whole: what viewers name the profile after. */
  #mapping(name: string): void {
    this.#out.message(PROFILE.mapping, (message) => {
      message.number(MAPPING.id, MAPPING_ID)
      message.number(MAPPING.filename, this.#string(name))
      message.number(MAPPING.hasFunctions, true)
      message.number(MAPPING.hasFilenames, true)
      message.number(MAPPING.hasLineNumbers, true)
    })
  }

  #string(text: string): number {
    const known = this.#strings.get(text)
    if (known !== undefined) return known
    const index = this.#strings.size
    this.#strings.set(text, index)
    return index
  }
}

/** The id, from 1, of what `key` names; when it is new, `write` writes it. */
function idOf(ids: Map<string, number>, key: string, write: (id: number) => void): number {
  const known = ids.get(key)
  if (known !== undefined) return known
  const id = ids.size + 1
  ids.set(key, id)
  write(id)
  return id
}

/** Of a time in milliseconds; since 1970 there were more nanoseconds than a number counts exactly. */
function nanoseconds(ms: number): bigint {
  return BigInt(Math.max(0, Math.round(ms * 1000))) * MICROSECOND
}
