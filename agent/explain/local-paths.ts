// Where the running agent answers `nodelet explain` and `nodelet status`, and what it leaves behind for when it is down.
// Below /run: what it tells is over with the boot.
const LOCAL_DIRECTORY = '/run/nodelet';
export const LOCAL_SOCKET = `${LOCAL_DIRECTORY}/nodelet.sock`;
export const LAST_STATE_FILE = `${LOCAL_DIRECTORY}/last-state.json`;
