import { describe, expect, it } from 'vitest'
import { attributeOf, textOf, XmppStanzas } from './xmpp-stanzas.js'

const HEAD = '<?xml version=\'1.0\'?><stream:stream id=\'1\' xmlns=\'jabber:client\' from=\'localhost\'>'
/** As ejabberd sends them: an empty element, nested ones, two of one name, escaped text. */
const STANZAS = [
  '<stream:features><bind xmlns=\'b\'/><session xmlns=\'s\'><optional/></session></stream:features>',
  '<iq xml:lang=\'en\' from=\'localhost\' type=\'result\' id=\'r\'/>',
  '<message to=\'c1@localhost/b\' from=\'c2@localhost/b\' type=\'chat\' id=\'5\'><archived by=\'x\'/><body>aGk=</body></message>',
  '<presence from=\'t1@conference.localhost/c1\'><x xmlns=\'u\'><status code=\'110\'/></x></presence>',
  '<message type=\'groupchat\' from=\'t1@conference.localhost/c2\'><body>1 &lt; 2 &gt; 0</body></message>',
]

function read(chunks: readonly Buffer[]): readonly string[] {
  const seen: string[] = []
  const stanzas = new XmppStanzas((stanza) => { seen.push(stanza) })
  for (const chunk of chunks) stanzas.take(chunk)
  return seen
}

describe('an XMPP stream', () => {
  const stream = Buffer.from(HEAD + STANZAS.join(''))

  it('is cut into its stanzas, from one piece and from pieces of every size', () => {
    expect(read([stream])).toEqual(STANZAS)
    for (let size = 1; size < stream.length; size++) {
      const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, index) => stream.subarray(index * size, (index + 1) * size))
      expect(read(chunks), String(size)).toEqual(STANZAS)
    }
  })

  it('begins again after authentication', () => {
    const seen: string[] = []
    const stanzas = new XmppStanzas((stanza) => {
      seen.push(stanza)
      if (stanza.startsWith('<success')) stanzas.reset()
    })
    stanzas.take(Buffer.from(`${HEAD}<success xmlns='s'/>`))
    stanzas.take(Buffer.from(`${HEAD}<a/>`))
    expect(seen).toEqual(['<success xmlns=\'s\'/>', '<a/>'])
  })

  it('has an end, and stanzas have one', () => {
    expect(() => read([Buffer.from(`${HEAD}</stream:stream>`)])).toThrow(/ended/)
    expect(() => read([Buffer.from(`${HEAD}<message>`), Buffer.alloc(1_100_000, 0x61)])).toThrow(/without an end/)
  })

  it('has stanzas with attributes and text', () => {
    const [, , message = ''] = STANZAS
    expect([attributeOf(message, 'from'), attributeOf(message, 'id'), attributeOf(message, 'by'), textOf(message, 'body'), textOf(message, 'subject')])
      .toEqual(['c2@localhost/b', '5', undefined, 'aGk=', undefined])
  })
})
