import type { Target } from './frames.js'

/**
 * Methods that the next leader may do again when the one that was asked went away before it answered: they change nothing, change it to the same, or say
 * messages, which are said once under the name of the call. Everything else rejects with `client.leader_lost`: only a person can know whether to do it again.
 */
const RETRIED: Readonly<Record<string, readonly string[]>> = {
  client: [
    'conversation', 'conversations', 'groups', 'group', 'channel', 'channels', 'followChannel', 'devices', 'wallets', 'accountLog', 'verify', 'markVerified', 'whenSynced', 'search', 'requests', 'accept', 'decline', 'block',
    'unblock', 'blocked', 'uploads', 'cancelUpload',
  ],
  notices: ['list', 'listAfter', 'unread', 'markRead'],
  wallet: ['assets', 'balances', 'statement', 'depositPlace', 'proofOf', 'quote', 'withdrawals', 'withdrawal', 'unansweredWithdrawals', 'forgetWithdrawal', 'refresh', 'notices', 'payments', 'dismissPayment'],
  conversation: [
    'send', 'forwardFiles', 'react', 'edit', 'deleteForEveryone', 'setTimer', 'timer', 'history', 'forget', 'markRead', 'unread', 'draft', 'setDraft', 'flags', 'setFlags', 'hide', 'hidden', 'receipts', 'receiptsOf', 'gaps', 'name', 'members', 'isMember', 'refresh', 'version',
  ],
  channel: ['name', 'role', 'posts', 'gaps', 'seq', 'authors', 'refresh'],
  history: ['request', 'status', 'cancel', 'confirm', 'refuse', 'requests', 'approve', 'decline'],
  contacts: ['get', 'list', 'name', 'rename', 'all'],
  presence: ['of', 'here'],
  settings: ['get', 'set', 'list', 'all'],
  push: ['key', 'subscribe', 'unsubscribe'],
  state: ['get', 'list'],
  tabs: ['messagesStart', 'messagesStep', 'inboxStart', 'inboxStep', 'inboxDone', 'lastArrival', 'typing', 'download'],
}

/** Whether a call of `method` on `target` may be made again at another leader. */
export function isRetried(target: Target, method: string): boolean {
  switch (target.on) {
    case 'kept': return false
    case 'client': return (RETRIED[target.path.at(-1) ?? 'client'] ?? []).includes(method)
    // Groups talk as conversations do.
    case 'group': return (RETRIED['conversation'] ?? []).includes(method)
    case 'conversation': case 'channel': case 'tabs': return (RETRIED[target.on] ?? []).includes(method)
    default: return target satisfies never
  }
}
