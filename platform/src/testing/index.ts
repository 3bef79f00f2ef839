export { LOCAL_DATA_CENTER, serviceAddresses, type ServiceKind } from './services.js'
