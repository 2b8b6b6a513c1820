/**
 * A program over AssemblyScript's own objects, strings, arrays and maps, whose blocks come from the heap by the runtime
 * of include/assembly/runtime.ts.
 */
class Link {
  constructor(
    public value: i32,
    public next: Link | null,
  ) {}
}

/** A number that depends on all that was kept. */
export function run(count: i32): i32 {
  const links = new Map<string, Link>()
  const names: string[] = []
  for (let i = 0; i < count; i++) {
    const key = 'k' + (i % 300).toString()
    const before = links.has(key) ? links.get(key) : null
    links.set(key, new Link(i, before && before.value % 7 ? before : null))
    names.push(key + key)
    if (names.length > 500) names.splice(0, 400)
  }
  let sum = 0
  const values = links.values()
  for (let i = 0; i < values.length; i++) {
    let link: Link | null = values[i]
    while (link) {
      sum += link.value
      link = link.next
    }
  }
  for (let i = 0; i < names.length; i++) sum = sum * 3 + names[i].charCodeAt(names[i].length - 1)
  return sum
}

/** Collects all of AssemblyScript's garbage. */
export function clean(): void {
  __collect()
}
