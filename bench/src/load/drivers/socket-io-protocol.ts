/** Where the Socket.IO peers listen. */
export const SOCKET_IO_PATH = '/socket.io'
/** Names of events between clients and the Socket.IO peers, short as a careful user of it would have them. */
export const SOCKET_IO_EVENT = { toClient: 'c', toTopic: 't', subscribe: 's', delivery: 'd' } as const
