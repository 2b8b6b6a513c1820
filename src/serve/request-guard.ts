/**
 * Which requests are answered: those of a page that this server itself has sent, and of programs on this machine.
 *
 * A page of another site that a browser of this machine shows could send requests here, too. It is kept out by
 *   the Host header   a name that was pointed at this machine (DNS rebinding) is neither a loopback name nor the
 *                     address that the connection was made to
 *   the Origin header a request from another site says so; so does Sec-Fetch-Site, where Origin is left out
 * Nothing is answered with headers that would let another site read it.
 */

/** What is looked at of a request. */
export interface RequestFacts {
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly fetchSite: string | undefined
  readonly fetchMode: string | undefined
  /** The address that the connection was made to. */
  readonly localAddress: string | undefined
}

const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])
/** Sites that a request may come from: this server's own pages, and none, as when somebody types an address. */
const OWN_SITES: ReadonlySet<string> = new Set(['same-origin', 'none'])

/** Why a request is refused; undefined when it is not. */
export function refusalOf(facts: RequestFacts): string | undefined {
  const { host, origin, fetchSite, fetchMode, localAddress } = facts
  const name = host === undefined ? undefined : hostName(host)
  if (name === undefined) return 'a Host header is needed, and one that is a host'
  if (!LOOPBACK_NAMES.has(name) && name !== hostOfAddress(localAddress)) {
    return 'the Host header names another host: use a loopback name, or the address that the server listens on'
  }
  if (origin !== undefined && origin !== `http://${host}`) return 'the request comes from another site'
  // Following a link to the page shows it to whoever follows; it tells the other site nothing.
  const isVisit = fetchMode === 'navigate'
  if (fetchSite !== undefined && !OWN_SITES.has(fetchSite) && !isVisit) return 'the request comes from another site'
  return undefined
}

/** Of `name:port` the name, in lower case; undefined when it is not of that form. */
function hostName(host: string): string | undefined {
  const [, name] = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/.exec(host) ?? []
  return name?.toLowerCase()
}

/** An address as it stands in a Host header. */
export function hostOfAddress(address: string | undefined): string | undefined {
  if (address === undefined) return undefined
  // An IPv4 connection to a server on `::`.
  const plain = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '')
  return plain.includes(':') ? `[${plain}]` : plain
}

/** The host of a URL under which a server that listens on `address` is reached from here. */
export function reachableHost(address: string): string | undefined {
  // These stand for every address of the machine: nobody connects to them, and no Host header may name them.
  const loopback: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '[::]': '[::1]' }
  const host = hostOfAddress(address)
  return loopback[host ?? ''] ?? host
}

/** Whether only programs of this machine can connect to an address. */
export function isLoopback(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/i.test(address)
}
