// A note in the page: TDesign's alert, which a screen reader is told of when it comes.
import type { ReactNode } from "react";
import TAlert from "tdesign-react/es/alert";

interface Props {
	tone: "info" | "success" | "warning" | "error";
	title?: string;
	children?: ReactNode;
	/** What can be done about it. */
	action?: ReactNode;
	/** Said by a screen reader as soon as it is there; errors always are. */
	isUrgent?: boolean;
}

export function Alert({ tone, title, children, action, isUrgent }: Props) {
	return (
		<div className="hw-alert" role={tone === "error" || isUrgent ? "alert" : undefined}>
			<TAlert
				theme={tone}
				title={title}
				message={children ?? null}
				operation={action ? <span>{action}</span> : undefined}
			/>
		</div>
	);
}
