export { connectNats, type NatsOptions } from './connect.js'
export { connectEventStream, EVENT_PUBLISHES_MAX } from './event-stream.js'
export { BUS_OFFER_PENDING_BYTES_MAX, BUS_PENDING_BYTES_MAX, BUS_STALL_MS, type NatsBus } from './nats-bus.js'
