// A secret that is shown this once: a password or a token that was made, with a button that copies it.
import type { ReactNode } from "react";
import { Alert } from "./Alert";
import { CopyButton } from "./CopyButton";

export function SecretOnce({ label, value, children }: { label: string; value: string; children: ReactNode }) {
	return (
		<>
			<Alert tone="warning">{children}</Alert>
			<div className="hw-secret">
				<span className="hw-secret__label">{label}</span>
				<code className="hw-secret__value">{value}</code>
				<CopyButton text={value} theme="primary" autoFocus />
			</div>
		</>
	);
}
