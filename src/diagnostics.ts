/**
 * The events of all heaps on Node's `diagnostics_channel`, one channel for each: `heapwright:grow`,
 * `heapwright:collectEnd` and so on. A message is the event's payload and, as `heap`, the heap's name.
 *
 * A heap's event gets a listener when its channel has its first subscriber, and loses it with the last, so that nobody
 * pays for what nobody subscribed to. A channel does not say that subscribers come or go: its `subscribe` and
 * `unsubscribe` are shadowed, on our own channels alone, by functions that look afterwards. So nothing is missed,
 * whether the subscriber or the heap was first.
 *
 * Heaps are known here as long as somebody else holds them. Without `diagnostics_channel` all this does nothing.
 */
import { EVENT_NAMES, type EventHub, type HeapEventName, type Listener } from './events.js'
import { type DiagnosticsChannel, diagnosticsChannel } from './platform/process.js'

const METHODS = ['subscribe', 'unsubscribe'] as const

/** Every event's channel; empty where there are none. Made with the first heap. */
let channels: ReadonlyMap<HeapEventName, DiagnosticsChannel> | undefined
const connections = new Set<WeakRef<ChannelConnection>>()
const forgotten = new FinalizationRegistry<WeakRef<ChannelConnection>>((connection) => connections.delete(connection))

function allChannels(): ReadonlyMap<HeapEventName, DiagnosticsChannel> {
  if (channels) return channels
  const made = new Map<HeapEventName, DiagnosticsChannel>()
  for (const event of EVENT_NAMES) {
    const channel = diagnosticsChannel(`heapwright:${event}`)
    if (!channel) break
    made.set(event, channel)
    shadow(channel, () => {
      for (const connection of connections) connection.deref()?.follow(event, channel)
    })
  }
  channels = made
  return made
}

/** Call `after` whenever somebody has subscribed to this one channel, or unsubscribed. */
function shadow(channel: DiagnosticsChannel, after: () => void): void {
  for (const method of METHODS) {
    // Another copy of the library may have done the same.
    const before = Object.hasOwn(channel, method) ? channel[method] : undefined
    const value = function shadowing(this: DiagnosticsChannel, subscriber: (message: unknown) => void): unknown {
      // A channel with subscribers has another prototype than one without.
      const call = before ?? (Object.getPrototypeOf(this) as DiagnosticsChannel)[method]
      const answer = call.call(this, subscriber)
      after()
      return answer
    }
    Object.defineProperty(channel, method, { value, configurable: true, writable: true })
  }
}

/** What ties one heap's events to the channels; kept by the heap. */
export class ChannelConnection {
  readonly #name: string
  readonly #events: EventHub
  readonly #offs = new Map<HeapEventName, () => void>()
  readonly #self: WeakRef<ChannelConnection>

  constructor(name: string, events: EventHub) {
    this.#name = name
    this.#events = events
    this.#self = new WeakRef(this)
    const all = allChannels()
    if (all.size === 0) return
    connections.add(this.#self)
    forgotten.register(this, this.#self, this)
    for (const [event, channel] of all) this.follow(event, channel)
  }

  /** Listen to an event if its channel has subscribers, and only then. */
  follow(event: HeapEventName, channel: DiagnosticsChannel): void {
    const off = this.#offs.get(event)
    if (channel.hasSubscribers === (off !== undefined)) return
    off?.()
    this.#offs.delete(event)
    if (!channel.hasSubscribers) return
    const publish: Listener<typeof event> = (payload) => channel.publish({ heap: this.#name, ...payload })
    this.#offs.set(event, this.#events.on(event, publish))
  }

  /** The heap is closed, and has told so. */
  close(): void {
    connections.delete(this.#self)
    forgotten.unregister(this)
    for (const off of this.#offs.values()) off()
    this.#offs.clear()
  }
}
