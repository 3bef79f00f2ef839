import * as channels from '../src/channel-commands.js'
import * as commands from '../src/commands.js'
import { decodeEnvelope, encodeEnvelope, type Envelope } from '../src/envelope.js'
import type { FRAME_TYPE } from '../src/frame.js'
import * as hello from '../src/hello.js'
import * as signals from '../src/signals.js'

/** Writer and reader of the body of each frame type, for vectors. */
export interface BodyCodec {
  encode(value: unknown): Uint8Array
  decode(body: Uint8Array): unknown
}

const codec = <Value>(encode: (value: Value) => Uint8Array, decode: (body: Uint8Array) => unknown): BodyCodec => ({
  // The vectors name the frame type beside the value, so the value has the type of that frame.
  encode: (value) => encode(value as Value), decode,
})
const empty = codec<null>(() => new Uint8Array(0), (body) => (body.length === 0 ? null : body))

export const FRAME_BODIES: Readonly<Record<keyof typeof FRAME_TYPE, BodyCodec>> = {
  hello: codec<hello.Hello>(hello.encodeHello, hello.decodeHello),
  send: codec<Envelope>(encodeEnvelope, decodeEnvelope),
  open: codec<commands.Open>(commands.encodeOpen, commands.decodeOpen),
  read: codec<commands.Read>(commands.encodeRead, commands.decodeRead),
  catchUp: codec<commands.CatchUp>(commands.encodeCatchUp, commands.decodeCatchUp),
  deviceAck: codec<commands.DeviceAck>(commands.encodeDeviceAck, commands.decodeDeviceAck),
  ping: empty,
  changeGroup: codec<Uint8Array>((entry) => entry, (body) => body.slice()),
  readGroup: codec<commands.ReadGroup>(commands.encodeReadGroup, commands.decodeReadGroup),
  post: codec<Uint8Array>((post) => post, (body) => body.slice()),
  follow: codec<channels.ReadChannel>(channels.encodeReadChannel, channels.decodeReadChannel),
  unfollow: codec<channels.Unfollow>(channels.encodeUnfollow, channels.decodeUnfollow),
  readChannel: codec<channels.ReadChannel>(channels.encodeReadChannel, channels.decodeReadChannel),
  signal: codec<signals.MemberSignal>(signals.encodeSignal, signals.decodeSignal),
  listen: codec<boolean>(signals.encodeListen, signals.decodeListen),
  challenge: codec<hello.Challenge>(hello.encodeChallenge, hello.decodeChallenge),
  welcome: codec<hello.Welcome>(hello.encodeWelcome, hello.decodeWelcome),
  ack: codec<readonly commands.Ack[]>(commands.encodeAcks, commands.decodeAcks),
  deliver: codec<commands.Delivery>(commands.encodeDelivery, commands.decodeDelivery),
  opened: codec<commands.Opened>(commands.encodeOpened, commands.decodeOpened),
  page: codec<commands.Page>(commands.encodePage, commands.decodePage),
  synced: codec<number>(commands.encodeSynced, commands.decodeSynced),
  pong: empty,
  failure: codec<commands.Failure>(commands.encodeFailure, commands.decodeFailure),
  notice: codec<commands.Notice>(commands.encodeNotice, commands.decodeNotice),
  group: codec<commands.GroupPage>(commands.encodeGroupPage, commands.decodeGroupPage),
  channelPage: codec<channels.ChannelPage>(channels.encodeChannelPage, channels.decodeChannelPage),
  channelHead: codec<channels.ChannelHead>(channels.encodeChannelHead, channels.decodeChannelHead),
  posted: codec<Uint8Array>((post) => post, (body) => body.slice()),
  signalled: codec<signals.Signalled>(signals.encodeSignalled, signals.decodeSignalled),
}
