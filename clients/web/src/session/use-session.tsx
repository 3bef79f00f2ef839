import { createContext, useContext, type ReactElement, type ReactNode } from 'react'
import type { SessionStore } from './session.js'

const SessionContext = createContext<SessionStore | undefined>(undefined)

/** Gives the session to all components below. */
export function SessionProvider({ session, children }: { readonly session: SessionStore; readonly children: ReactNode }): ReactElement {
  return <SessionContext.Provider value={session}>{children}</SessionContext.Provider>
}

/** The session of the page: to end it, and to open wallets. */
export function useSession(): SessionStore {
  const session = useContext(SessionContext)
  if (session === undefined) throw new Error('a component that ends the session stands below a SessionProvider')
  return session
}
