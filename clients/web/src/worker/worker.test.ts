import { describe, expect, it } from 'vitest'
import { freshOrKept } from './fresh-or-kept.js'
import { pageWindows } from './page-windows.js'

const kept = async (): Promise<Response> => Promise.resolve(new Response('kept'))
const nothing = async (): Promise<undefined> => Promise.resolve(undefined)
const answers = (status: number) => async (): Promise<Response> => Promise.resolve(new Response('answered', { status }))
const text = async (answer: Promise<Response>): Promise<string> => (await answer).text()

describe('the service worker', () => {
  it.each([200, 404, 421])('shows what the server says of its page: %i', async (status) => {
    expect(await text(freshOrKept(answers(status), kept))).toBe('answered')
  })

  it.each([500, 502, 503, 504, 429])('opens the page that it kept where something answers %i in place of the server', async (status) => {
    expect(await text(freshOrKept(answers(status), kept))).toBe('kept')
    expect((await freshOrKept(answers(status), nothing)).status).toBe(status)
  })

  it('opens the page that it kept without a network, and fails as the network does where it kept none', async () => {
    const offline = async (): Promise<Response> => Promise.reject(new TypeError('no network'))
    expect(await text(freshOrKept(offline, kept))).toBe('kept')
    await expect(freshOrKept(offline, nothing)).rejects.toThrow('no network')
  })

  it('takes no other window of the site for the page', () => {
    const windows = ['https://chat.example/start', 'https://chat.example/?profile=bob#/c/1', 'https://chat.example/operator', 'https://chat.example/'].map((url) => ({ url }))
    expect(pageWindows(windows, 'https://chat.example/').map(({ url }) => url)).toEqual(['https://chat.example/?profile=bob#/c/1', 'https://chat.example/'])
  })
})
