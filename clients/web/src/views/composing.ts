import type { Message } from '@evegram/sdk'

/** What is being written: something new, an answer, or an own message anew. `gaveUp`: that, because its message is gone. */
export type Composing = { readonly kind: 'new'; readonly gaveUp?: 'reply' | 'edit' } | { readonly kind: 'reply' | 'edit'; readonly message: Message }
