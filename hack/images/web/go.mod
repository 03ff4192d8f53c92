module nodelet.invalid/web

go 1.21
