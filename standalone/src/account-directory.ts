import type { Auth } from '@evegram/auth'
import type { AccountDirectory } from '@evegram/engine'

/** The engine's window on auth when both run in one process: plain calls. */
export function accountDirectoryOf(auth: Auth): AccountDirectory {
  return {
    async summary(account) {
      const view = await auth.accountDirectory.state(account)
      if (view === undefined) return undefined
      const devices = view.devices.filter(({ active }) => active).map(({ device, signingKey }) => ({ device, signingKey }))
      return { account, seq: view.seq, head: view.head, devices, closed: view.closed }
    },
    verifyToken: async (token) => {
      const { account, device, expiresAtMs } = await auth.verifyAccessToken(token, 'engine')
      return { account, device, expiresAtMs }
    },
    onChange(listener) {
      const endings = [
        auth.onAccountChanged(({ account, seq, revokedDevices, closed }) => listener({ kind: 'log', account, seq, revokedDevices, closed })),
        auth.onPrekeysLow(({ account, device, remaining }) => listener({ kind: 'prekeys_low', account, device, remaining })),
        auth.onSessionRevoked(({ account, device }) => listener({ kind: 'session_revoked', account, device })),
      ]
      return () => endings.forEach((end) => end())
    },
  }
}
