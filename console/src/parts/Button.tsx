// TDesign's button, with what a screen reader needs to hear.
import type { AriaAttributes, ReactNode } from "react";
import TButton from "tdesign-react/es/button";

export interface ButtonProps extends AriaAttributes {
	children?: ReactNode;
	icon?: React.ReactElement;
	theme?: "default" | "primary" | "danger" | "warning" | "success";
	variant?: "base" | "outline" | "dashed" | "text";
	size?: "small" | "medium" | "large";
	shape?: "rectangle" | "square" | "round" | "circle";
	type?: "button" | "submit";
	block?: boolean;
	loading?: boolean;
	disabled?: boolean;
	title?: string;
	id?: string;
	className?: string;
	autoFocus?: boolean;
	onClick?: () => void;
}

/** A button; `title` tells why one that is disabled is, and names one that has an icon alone. */
export function Button({
	variant,
	theme = "default",
	loading,
	disabled,
	onClick,
	type = "button",
	...rest
}: ButtonProps) {
	const name = rest["aria-label"] ?? (rest.children === undefined ? rest.title : undefined);
	return (
		<TButton
			{...rest}
			tag="button" // else one that is disabled would be a <div>, and said to be nothing
			aria-label={name}
			aria-busy={loading || undefined}
			type={type}
			theme={theme}
			variant={variant ?? (theme === "default" ? "outline" : "base")}
			loading={loading}
			disabled={disabled}
			onClick={onClick && (() => onClick())}
		/>
	);
}
