import type { Context } from '../context.js'

/** `evegram verify`: the safety number of a conversation, to be compared by another way (a call, a meeting). */
export async function verify(context: Context, address: string, options: { readonly mark?: boolean }): Promise<void> {
  await context.withClient(async (client) => {
    if (options.mark === true) await client.markVerified(address)
    const { safetyNumber, devices, verified } = await client.verify(address)
    const groups = safetyNumber.match(/.{1,5}/g)?.join(' ') ?? safetyNumber
    const next = verified ? 'Marked as verified.' : 'Compare it with your contact, then: evegram verify <address> --mark'
    await context.output.result(
      { safetyNumber, devices, verified },
      `Safety number: ${context.output.paint('bold', groups)}\n${next}\nDevices: ${devices.join(', ')}`,
    )
  })
}
