/** Addresses of programs and accounts that are the same on every Solana cluster. */
export const SYSTEM_PROGRAM = '11111111111111111111111111111111'
/** SPL Token. */
export const TOKEN_PROGRAM = 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA'
/** SPL Token-2022: tokens with extensions. */
export const TOKEN_2022_PROGRAM = 'TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb'
/** Both token programs. */
export const TOKEN_PROGRAMS: readonly string[] = [TOKEN_PROGRAM, TOKEN_2022_PROGRAM]
/** Gives every owner one account for each mint. */
export const ASSOCIATED_TOKEN_PROGRAM = 'ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL'
/** SPL Memo, version 2. */
export const MEMO_PROGRAM = 'MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr'
/** SPL Memo, versions 1 and 2. */
export const MEMO_PROGRAMS: readonly string[] = ['Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo', MEMO_PROGRAM]
/** The mint of wrapped SOL: its token accounts hold lamports beside their rent. */
export const WRAPPED_SOL_MINT = 'So11111111111111111111111111111111111111112'
