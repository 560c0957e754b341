type Say = (line: string) => void;

export function isCheckout(root: string): boolean;
export function prepareCheckout(root: string, say: Say): Promise<void>;
export function preparePackages(root: string, say: Say): Promise<void>;
export function prepareBuild(root: string, say: Say): Promise<void>;
