/**
 * Goal: the constants by which the host reads the heap are where the kernel's overlays have their fields.
 * Method: compile `assembly/layout-probe.ts`, which asks the AssemblyScript compiler for each offset, and compare by
 * name.
 * A failure means that a field was added or moved in `overlay.ts` without its constant in `layout.ts`, or the reverse:
 * statistics and messages would then read something else.
 */
import { describe, expect, test } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import * as values from '../kernel/value-layout.js'

async function probe(): Promise<Record<string, () => number>> {
  const { default: asc } = (await import('assemblyscript/asc')) as {
    default: { main(args: string[], options: object): Promise<{ error: Error | null; stderr: { toString(): string } }> }
  }
  let wasm: Uint8Array | undefined
  const { error, stderr } = await asc.main(
    'kernel-tests/assembly/layout-probe.ts --runtime stub --importMemory --noExportMemory --use HW_DEBUG=0 --use HW_EMBEDDED=0 --use HW_OBJECTS=1 --use HW_COUNTED=0 --use HW_GUEST=0 --disableWarning 201 --outFile probe.wasm'.split(
      ' ',
    ),
    {
      writeFile(name: string, contents: Uint8Array) {
        if (name === 'probe.wasm') wasm = contents
      },
    },
  )
  if (error || !wasm) throw new Error(`${stderr}${error}`)
  const module = new WebAssembly.Module(wasm as BufferSource)
  const imports = {
    env: { memory: new WebAssembly.Memory({ initial: 1 }) },
    host: { grow: () => -1, report: () => {} },
  }
  return new WebAssembly.Instance(module, imports).exports as Record<string, () => number>
}

describe('layout', async () => {
  const offsets = await probe()
  const constants = { ...layout, ...objects, ...values } as Record<string, number>

  for (const [name, offset] of Object.entries(offsets)) {
    if (!(name in constants)) continue
    test(`${name} is the overlay's place`, () => {
      expect(constants[name]).toBe(offset())
    })
  }

  test('every offset that the host could read by is probed', () => {
    const unprobed = Object.keys(constants).filter(
      (name) => /^(HEAP|CONTEXT|SPACE)_.*_AT$/.test(name) && !(name in offsets),
    )
    expect(unprobed).toEqual(['CONTEXT_CLASS_OF_AT', 'SPACE_VALUES_AT', 'SPACE_ALWAYS_AT'])
  })

  test('the fixed headers hold their fields', () => {
    expect(offsets.chunkHeaderUsed?.()).toBeLessThanOrEqual(layout.CHUNK_HEADER_BYTES - 4)
    expect(offsets.heapHeaderUsed?.()).toBeLessThanOrEqual(layout.HEAP_HEADER_BYTES)
    expect(objects.SPACE_PLAN_AT + (offsets.planStateUsed?.() ?? 0)).toBeLessThanOrEqual(objects.SPACE_VALUES_AT)
    expect(objects.SPACE_YOUNG_BASE_AT + (offsets.youngUsed?.() ?? 0)).toBeLessThanOrEqual(objects.SPACE_ALL_BYTES)
    expect(values.SPACE_COOKIE_AT).toBe(objects.SPACE_BYTES)
    expect(offsets.countedUsed?.()).toBeLessThanOrEqual(values.SPACE_COUNTED_BYTES)
    expect(offsets.typeInfoBytes?.()).toBe(objects.TYPE_BYTES)
    expect(offsets.objectBlockBytes?.()).toBe(layout.PAGE_BYTES)
    expect(layout.CONTEXT_CLASS_OF_AT).toBe(layout.CONTEXT_PAGES_AT + layout.CLASS_MAX * 4)
    expect(layout.CONTEXT_CLASS_OF_AT + layout.CONTEXT_CLASS_OF_BYTES).toBeLessThanOrEqual(layout.CONTEXT_BYTES)
    expect(layout.CONTEXT_CLASS_OF_BYTES).toBeGreaterThan(layout.SMALL_MAX_BYTES / layout.GRANULE_BYTES)
  })
})
