/** What this file uses of Trusted Types, where the browser has them. */
interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): unknown }
}

/** The one script that the page starts by its address. */
const WORKER = '/sw.js'

/** Starts the service worker, where the browser has them: the page opens offline from then on. A page without one works, too. Never rejects. */
export async function registerWorker(): Promise<void> {
  if (!('serviceWorker' in navigator)) return
  // Not in the types of the DOM yet.
  const { trustedTypes } = globalThis as { readonly trustedTypes?: PolicyFactory }
  const policy = trustedTypes?.createPolicy('evegram', {
    createScriptURL(url) {
      if (url !== WORKER) throw new TypeError('not a script of this page')
      return url
    },
  })
  try {
    // A TrustedScriptURL where there are such, a text elsewhere: `register` takes either.
    await navigator.serviceWorker.register((policy?.createScriptURL(WORKER) ?? WORKER) as string, { scope: '/', updateViaCache: 'none' })
  } catch (error) {
    // Private windows and frames may refuse it: nothing depends on it.
    console.warn('no service worker', error)
  }
}
